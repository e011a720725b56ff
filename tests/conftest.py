"""One hypothesis profile for every test, and the fixture of the promises' figures."""

from hypothesis import settings
from promised import promise

__all__ = ["promise"]

settings.register_profile(
    "repeatable", deadline=None, derandomize=True, database=None, max_examples=60
)
settings.load_profile("repeatable")
