"""The kernel's timer: when it goes off, and that it does so once."""

import os
import resource
import select
import time

import pytest

from gateway.alarm import Alarm

MS = 1_000_000
SOON_MS = 20
LONG_MS = 10_000


def goes_off(alarm: Alarm, within_ms: int) -> bool:
    """Waits until it does, or for so long."""
    return bool(select.select([alarm.descriptor], [], [], within_ms / 1000)[0])


def test_it_goes_off_at_its_time_and_not_before() -> None:
    alarm = Alarm()
    at = time.monotonic_ns() + SOON_MS * MS + 123_456
    alarm.set(at)
    assert not goes_off(alarm, 0)
    assert goes_off(alarm, LONG_MS)
    assert time.monotonic_ns() >= at
    assert alarm.take()


@pytest.mark.parametrize("ago_ns", [0, 1, 10**9, 10**18])
def test_a_time_that_is_over_goes_off_at_once(ago_ns: int) -> None:
    alarm = Alarm()
    alarm.set(time.monotonic_ns() - ago_ns)
    assert goes_off(alarm, LONG_MS)


def test_it_goes_off_once() -> None:
    alarm = Alarm()
    alarm.set(1)
    assert goes_off(alarm, LONG_MS)
    assert [alarm.take(), alarm.take()] == [True, False]
    assert not goes_off(alarm, 2)


def test_a_later_time_replaces_one_that_has_gone_off() -> None:
    alarm = Alarm()
    alarm.set(1)
    assert goes_off(alarm, LONG_MS)
    alarm.set(time.monotonic_ns() + LONG_MS * MS)
    assert not alarm.take()
    assert not goes_off(alarm, 2)


def test_its_descriptor_is_given_back() -> None:
    before = os.listdir("/proc/self/fd")
    alarm = Alarm()
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    alarm.close()
    alarm.close()
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(OSError, match="Bad file descriptor"):
        alarm.set(1)
    alarm = Alarm()
    del alarm
    assert os.listdir("/proc/self/fd") == before


def test_a_process_without_descriptors_is_told_so() -> None:
    most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        with pytest.raises(OSError, match="Too many open files"):
            Alarm()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
