"""The one exception a user's bad input raises."""


class InputError(ValueError):
    """Bad input: the message says what is wrong, where, what is allowed and how to mend it.

    The command line prints the message alone and exits with code 2.
    """
