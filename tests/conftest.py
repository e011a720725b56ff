"""One hypothesis profile for every test, and the fixtures that several of them share."""

from clitables import folder, houses, trees
from hypothesis import settings
from promised import promise

__all__ = ["folder", "houses", "promise", "trees"]

settings.register_profile(
    "repeatable", deadline=None, derandomize=True, database=None, max_examples=60
)
settings.load_profile("repeatable")
