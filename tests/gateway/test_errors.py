"""gateway/errors.py: the families cannot be raised, what is raised names itself and its exit code."""

import pytest

from gateway import errors


@pytest.mark.parametrize("family", [errors.BreakwireError, errors.InternalError, errors.PeerError, errors.MisuseError])
def test_a_family_of_errors_cannot_be_raised_itself(family: type[errors.BreakwireError]) -> None:
    with pytest.raises(TypeError, match=f"^{family.__name__} is a family of errors"):
        raise family("something")


def test_an_error_of_a_family_carries_its_message_and_the_family_s_exit_code() -> None:
    error = errors.KeyFileError("no such portfolio")

    assert (str(error), error.exit_code, isinstance(error, errors.MisuseError)) == ("no such portfolio", 2, True)


def test_each_family_ends_a_command_with_a_code_of_its_own() -> None:
    codes = [family.exit_code for family in (errors.InternalError, errors.PeerError, errors.MisuseError)]

    assert codes == [70, 1, 2]


def test_a_configuration_error_lists_every_problem_with_its_place() -> None:
    error = errors.ConfigError(
        "gateway.toml",
        [errors.Problem("gateway.port", "wanted an integer", '"x"'), errors.Problem("", "cannot be read")],
    )

    assert str(error) == 'gateway.toml: 2 problems\n  gateway.port: wanted an integer, was "x"\n  cannot be read'
