"""Random mixes of all requests from several sessions, to the core and to the naive gateway, about a thousand at a time.

Where the walk (support.core_walk) compares after every input, here it is after a step of many requests: every frame of
every stream, every book, count and invariant. Between requests time passes, and now and then something else happens, as
in the walk: connections come and go, displace each other, fall silent, stop reading.
"""

import random
from collections import Counter

from support import random_requests
from support.core_driver import SECOND
from support.core_pair import Choose
from support.core_walk import ACTIONS, CoreWalk

MAX_OPEN_ORDERS = 40
REQUESTS_PER_STEP = 1_000
REQUESTS_PER_WORLD = 10_000
COMPANY = 3
"""So many traders at least are logged on."""
HAPPENINGS = [True] + [False] * 149
PAUSES = [0] * 20 + [1, SECOND // 1_000_000, SECOND // 100, SECOND // 20]


class RequestModel(CoreWalk):
    """`sent` counts the requests by message name."""

    def __init__(self, choose: Choose, rate_limit_scope: str | None = None) -> None:
        super().__init__(choose, max_open_orders=MAX_OPEN_ORDERS, rate_limit_scope=rate_limit_scope)
        self.sent: Counter[str] = Counter()

    def play(self, requests: int = REQUESTS_PER_STEP, compare_every: int = REQUESTS_PER_STEP) -> None:
        """So many requests, and what comes between them; compared after each `compare_every`, and at the end."""
        for request in range(1, requests + 1):
            if self.choose(HAPPENINGS):
                self.choose(ACTIONS)(self)
                self.compare()
            self.keep_company()
            self.any_request()
            if request % compare_every == 0:
                self.compare()
        self.compare()

    def any_request(self) -> None:
        self.driver.now = self.naive.now = self.driver.now + self.choose(PAUSES)
        pair = self.one_of("live")
        assert pair is not None
        name, fields = random_requests.request(self.choose, self.naive.engine)
        self.sent[name] += 1
        self.send(pair, name, fields)

    def keep_company(self) -> None:
        if (self.naive.engine.locked or self.naive.engine.closed) and self.choose(HAPPENINGS):
            self.control()
        while sum(session.state == "live" for session in self.naive.sessions if not session.drop_copy) < COMPANY:
            self.logon()
            self.compare()
            while self.driver.core.is_busy:
                self.step()
                self.compare()


def play_world(seed: int, requests: int, compare_every: int = REQUESTS_PER_STEP) -> Counter[str]:
    """A world of that seed from its beginning to its end; how many requests of each kind it saw."""
    model = RequestModel(random.Random(seed).choice, {3: "portfolio", 4: "api_key"}.get(seed % 5))
    model.play(requests, compare_every)
    model.finish()
    return model.sent
