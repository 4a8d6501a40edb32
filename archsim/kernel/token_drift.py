"""Tokens of a channel in a state that may recur: when their number matters, and how long it may drift."""

from __future__ import annotations

from archsim.kernel.state import UNBOUNDED, ChannelState

FOREVER = UNBOUNDED


def visible_tokens(channel: ChannelState) -> int:
    """The tokens of a channel, or -1 while it seems to make no difference how many there are.

    A guess, for speed only: what may differ between two states that look alike is settled afterwards.
    """
    tokens, consumer, producer = channel.tokens, channel.consumer, channel.producer
    need = take = give = 0
    if consumer.active:
        need, take = channel.most_demanded(consumer.program.within[consumer.leaf])
    if producer.active:
        give = channel.most_supplied(producer.program.within[producer.leaf])
    if tokens < need + take:
        far_from_enough = consumer.waits_for == channel.tokens_code and _missing(channel) > 2 * give
        return -1 if far_from_enough else tokens
    if give and tokens > channel.capacity - 2 * give:
        far_from_space = producer.waits_for == channel.space_code and _excess(channel) > 2 * take
        return -1 if far_from_space else tokens
    return -1


def _missing(channel: ChannelState) -> int:
    """Tokens that the consumer's next firing needs and that are not there."""
    rates = channel.consumer.rates[channel.consumer.leaf]
    return next(need for needed, need in rates.needs if needed is channel) - channel.tokens


def _excess(channel: ChannelState) -> int:
    """Tokens that must go before the producer's next firing has space."""
    rates = channel.producer.rates[channel.producer.leaf]
    give = next(give for given, give in rates.spaces if given is channel)
    return channel.tokens + give - channel.capacity


def repeats_despite(channel: ChannelState, drift: int, firings: dict[int, tuple[int, int]]) -> int:
    """How often a period can repeat that changes the tokens by `drift`, no condition decided otherwise.

    An endpoint that fired must have found its condition satisfied throughout by a margin of all tokens
    moved in the period, in any order. One that didn't must go on waiting, if it is this it waits for.
    """
    tokens, consumer, producer = channel.tokens, channel.consumer, channel.producer
    repeats = FOREVER
    if consumer.index in firings:
        loop, fired = firings[consumer.index]
        need, take = channel.most_demanded(loop)
        margin = min(tokens, tokens - drift) - fired * take - need
        repeats = min(repeats, _times(margin, -drift))
    elif consumer.waits_for == channel.tokens_code:
        repeats = min(repeats, _times(_missing(channel) - 1, drift))
    if producer.index in firings and channel.capacity != UNBOUNDED:
        loop, fired = firings[producer.index]
        give = channel.most_supplied(loop)
        margin = channel.capacity - max(tokens, tokens - drift) - fired * give - give
        repeats = min(repeats, _times(margin, drift))
    elif producer.waits_for == channel.space_code:
        repeats = min(repeats, _times(_excess(channel) - 1, -drift))
    return repeats


def _times(margin: int, step: int) -> int:
    """How often `step` fits into `margin`; no end of times for a step that doesn't use it up."""
    if margin < 0:
        return 0
    return margin // step if step > 0 else FOREVER
