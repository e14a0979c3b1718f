"""Members that lie, or are slow, and what the others do meanwhile."""

import time
from contextlib import ExitStack

from between import Message, between, integer, octets, sequence, text
from cluster import DELEGATES, PARTIES

LIAR, SLOW = "st-mary", "hospital-2"


class Endless:
    """Says that far more is final than is, and gives leaves of it, one by one, of which no block comes."""

    def __init__(self):
        self.pages = 0

    def __call__(self, name, answer):
        if name not in ("fetch-outbox", "fetch-consortium"):
            return answer
        reply = Message(answer)
        if reply.name != "reply":
            return answer
        if name == "fetch-outbox":
            reply.payload[3] = integer(1 << 40)  # finalSize
            return reply.encoded()
        lines = reply.content(1).split(b"\n")
        if len(lines) < 3:
            return answer
        # No cosignature is looked at before the end comes.
        lines[1] = b"%d" % (1 << 41)
        reply.payload = [sequence(octets(b"\x01junk")), text(b"\n".join(lines)), integer(1 << 40)]
        self.pages += 1
        time.sleep(0.5)
        return reply.encoded()


class Late:
    """Answers questions of one kind after so many seconds."""

    def __init__(self, name, seconds):
        self.name, self.seconds, self.count = name, seconds, 0

    def __call__(self, name, answer):
        if name == self.name:
            self.count += 1
            time.sleep(self.seconds)
        return answer


def goes_on_with_a_liar_and_a_slow_one(cluster):
    """[attack] one delegate of four gives leaves without end, one is honest and gives blocks late: blocks are decided."""
    liar, late = Endless(), Late("fetch-block", 2)
    honest = [name for name, _ in PARTIES if name != LIAR]
    with ExitStack() as both:
        both.enter_context(between(cluster, LIAR, liar))
        both.enter_context(between(cluster, SLOW, late))
        cluster.wait("all are there again", lambda: all(cluster.height(n) >= 0 for n in DELEGATES))
        cluster.wait("the liar was asked", lambda: liar.pages > 0)
        cluster.wait("blocks of the slow one came late", lambda: late.count > 0)
        # From here on, so that no block counts which was decided before.
        before = max(cluster.height(name) for name in honest)
        cluster.wait(
            "the honest ones, and who only follows, decide six blocks",
            lambda: all(cluster.height(name) >= before + 6 for name in honest))
        assert liar.pages > 1, "nobody has asked the liar again"
    cluster.wait("all is well again", lambda: all(
        (cluster.health(name) or {}).get("status") == "ok" for name, _ in PARTIES))


TESTS = [goes_on_with_a_liar_and_a_slow_one]
