"""Fixtures every test may ask for; each module of tests/support brings its own."""

pytest_plugins = [
    "tests.support.databases",
    "tests.support.pbx",
    "tests.support.redis",
]
