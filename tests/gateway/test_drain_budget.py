"""What a step of the endings may cost, whoever does the work."""

from support.core_driver import CoreDriver, configuration, nine, order, quantity

from codec.layout import QuoteStatus, Side, TimeInForce

STEP = 100
ORDERS = 1_000
GROUP = '[[mmp_group]]\nid = 7\nportfolio = 1\nquantity_limit = "10"\ninterval_ms = 1000\nfrozen_ms = 1000\n'
ZERO = quantity(0)


def lost_maker() -> CoreDriver:
    """A core in which a maker with many orders has just been lost; none of them has been drained."""
    driver = CoreDriver(configuration(drain_step_orders=STEP, extra=GROUP))
    maker = driver.logged_on("maker-1")
    for number in range(1, ORDERS + 1):
        maker.order(number)
    maker.lose()
    driver.flush()
    return driver


def test_a_session_is_drained_in_steps() -> None:
    assert lost_maker().settle() == ORDERS // STEP


def test_dead_orders_that_a_request_has_taken_out_of_its_way_count_as_work_of_the_steps() -> None:
    driver = lost_maker()
    taker = driver.logged_on("maker-2")
    taker.order(1, side=Side.SELL, time_in_force=TimeInForce.IOC)
    assert driver.settle() == 2 * ORDERS // STEP
    (response,) = taker.take()
    sent = order(1, side=Side.SELL, time_in_force=TimeInForce.IOC)
    assert (response.fields["total_filled"], response.fields["quantity"]) == (quantity(0), sent["quantity"])


def test_dead_orders_that_a_mass_quote_has_taken_out_of_its_way_count_likewise() -> None:
    driver = lost_maker()
    quoter = driver.logged_on("maker-2")
    ask = {"ask_price": nine(100), "ask_qty": quantity(1), "bid_price": None, "bid_qty": ZERO}
    quoter.send("MassQuoteRequest", quote_id=1, mmp_group_id=7, quotes=[{"instrument_id": 1} | ask])
    assert driver.settle() == 2 * ORDERS // STEP
    (response,) = quoter.take()
    (told,) = response.fields["quotes"]
    assert (told["ask_status"], told["ask_filled_qty"]) == (QuoteStatus.UPDATED, ZERO)


def test_an_order_that_does_not_reach_the_dead_ones_costs_nobody_anything() -> None:
    driver = lost_maker()
    taker = driver.logged_on("maker-2")
    taker.order(1, side=Side.SELL, price=nine(101))
    assert driver.settle() == ORDERS // STEP
