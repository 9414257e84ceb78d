"""Twenty a second, in bursts of twenty."""

from cti_server.api.rates import TokenBucket


def test_a_burst_and_then_the_rate() -> None:
    now = 0.0
    bucket = TokenBucket(20, lambda: now)
    assert [bucket.take() for _ in range(21)] == [True] * 20 + [False]
    now = 0.05
    assert [bucket.take(), bucket.take()] == [True, False]
    now = 60.0
    assert sum(bucket.take() for _ in range(100)) == 20


def test_never_more_than_the_rate_and_one_burst() -> None:
    now = 0.0
    bucket = TokenBucket(20, lambda: now)
    passed = 0
    for _ in range(1000):
        now += 0.01
        passed += bucket.take()
    assert passed <= 20 + 10 * 20
