"""What holds for all tests."""

from hypothesis import settings

# no example may fail for taking long: the machine that runs the tests may be doing other things
settings.register_profile("archsim", deadline=None)
settings.load_profile("archsim")
