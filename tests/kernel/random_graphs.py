"""Hypothesis strategies for timed graphs: layers of actors, balanced or not, that may deadlock."""

from collections.abc import Callable

from hypothesis import strategies as st

from archsim.kernel import Actor, Channel, Firing, Grant, Loop, Resource, TimedGraph, sequence, total_firings

TILE = Firing(1)


@st.composite
def loop_nests(draw, max_depth: int = 3, max_count: int = 7) -> Loop:
    """A nest of up to three loops with ragged edges, whose leaves stand for tiles."""

    def nest(depth: int) -> Loop | Firing:
        if depth == 0:
            return TILE
        count = draw(st.integers(0 if depth == 1 else 1, max_count))
        body = [nest(depth - 1)]
        edge = [nest(depth - 1)] if draw(st.booleans()) else []
        extra = [TILE] if draw(st.integers(0, 3)) == 0 else []
        return sequence(Loop(count, body + extra), *edge)

    return sequence(nest(draw(st.integers(1, max_depth))))


def replace_tiles(node: Loop | Firing, make: Callable[[], Loop | Firing]) -> Loop:
    """The nest with every leaf replaced by what `make` gives (called once a leaf of the tree)."""
    if not isinstance(node, Loop):
        return sequence(make())
    return Loop(node.count, [replace_tiles(child, make) for child in node.body])


CYCLES = st.one_of(st.integers(0, 4), st.integers(0, 40))


@st.composite
def layers(draw, name: str, resources: list[str], static_order: bool = False):
    """Actors that each handle every tile of one nest, and channels of one token a tile between them."""
    nest = draw(loop_nests())
    names = [f"{name}.{i}" for i in range(draw(st.integers(1, 4)))]
    channels = []
    for i, producer in enumerate(names):
        for consumer in names[i + 1 :]:
            linked = draw(st.integers(0, 2)) > 0
            channels += [_channel(draw, f"{producer}>{consumer}", producer, consumer)] if linked else []
    if not static_order and len(names) > 1 and draw(st.integers(0, 3)) == 0:
        tokens = draw(st.integers(0, 3))
        channels.append(Channel(f"{name}.feedback", names[-1], names[0], 4, tokens))
    actors = []
    for actor in names:
        uniform = draw(CYCLES) if draw(st.booleans()) else None
        reuse = draw(st.integers(2, 4)) if draw(st.integers(0, 3)) == 0 else 1

        def tile(actor=actor, uniform=uniform, reuse=reuse) -> Loop | Firing:
            inputs = {c.name: 1 for c in channels if c.consumer == actor}
            outputs = {c.name: 1 for c in channels if c.producer == actor}
            cycles = draw(CYCLES) if uniform is None else uniform
            last = Firing(cycles, take=inputs, give=outputs)
            return sequence(Loop(reuse - 1, [Firing(cycles, need=inputs)]), last)

        schedule = replace_tiles(nest, tile)
        resource = draw(st.sampled_from([None, *resources]))
        actors.append(Actor(actor, schedule, resource))
    return nest, actors, channels


def _channel(draw, name: str, producer: str, consumer: str) -> Channel:
    capacity = draw(st.sampled_from([1, 1, 2, 2, 3, 8, 50, None]))
    initial = draw(st.sampled_from([0, 0, 0, 1])) if capacity != 1 else 0
    return Channel(name, producer, consumer, capacity, initial)


def _order_of(nest: Loop, users: list[Actor]) -> Loop:
    """Tile by tile, the users in their order, each as many times as it fires a tile."""
    tiles = total_firings(nest)
    turns = [Loop(total_firings(user.schedule) // max(tiles, 1), [Grant(user.name)]) for user in users]
    return replace_tiles(nest, lambda: sequence(*turns))


@st.composite
def layered_graphs(draw, static_order: bool = False) -> TimedGraph:
    """One to three layers, chained by precedence or by a channel of whole layers, or side by side."""
    pools = {"bus": draw(st.booleans()) or static_order, "array": draw(st.booleans()) or static_order}
    actors: list[Actor] = []
    channels: list[Channel] = []
    orders: dict[str, list[Loop]] = {name: [] for name in pools}
    for number in range(draw(st.integers(1, 3))):
        nest, own_actors, own_channels = draw(layers(f"L{number}", list(pools), static_order))
        for resource in pools:
            users = [actor for actor in own_actors if actor.resource == resource]
            if not static_order and draw(st.integers(0, 5)) == 0:
                users.reverse()
            orders[resource].append(_order_of(nest, users))
        link = draw(st.sampled_from(["none", "after", "after", "tokens"])) if actors else "none"
        if link == "after":
            after = tuple(a.name for a in draw(st.lists(st.sampled_from(actors), min_size=1, unique=True)))
            own_actors = [Actor(a.name, a.schedule, a.resource, after) for a in own_actors]
        actors += own_actors
        channels += own_channels
        if link == "tokens":
            actors, channels = _link_by_tokens(draw, actors, channels, own_actors[0].name)
    resources = [
        Resource(name, sequence(*orders[name]) if ordered else None) for name, ordered in pools.items()
    ]
    return TimedGraph(actors, channels, resources)


def _link_by_tokens(draw, actors, channels, consumer: str):
    """A channel that an earlier actor fills with every firing, and that a later one needs a part of."""
    index = next(i for i, actor in enumerate(actors) if actor.name == consumer)
    producer = actors[draw(st.integers(0, index - 1))]
    name = f"{producer.name}>>{consumer}"
    need = draw(st.integers(1, max(1, total_firings(producer.schedule))))

    def give(node):
        if isinstance(node, Loop):
            return Loop(node.count, map(give, node.body))
        return Firing(node.cycles, node.take, {**node.give, name: 1}, node.need)

    take = draw(st.sampled_from([0, 0, 1]))

    def use(node):
        if isinstance(node, Loop):
            return Loop(node.count, map(use, node.body))
        return Firing(node.cycles, {**node.take, name: take}, node.give, {**node.need, name: max(need, take)})

    edited = []
    for actor in actors:
        change = {producer.name: give, consumer: use}.get(actor.name)
        schedule = change(actor.schedule) if change else actor.schedule
        edited.append(Actor(actor.name, schedule, actor.resource, actor.after))
    capacity = draw(st.sampled_from([None, None, need, need + 5]))
    return edited, [*channels, Channel(name, producer.name, consumer, capacity)]


@st.composite
def drifting_graphs(draw) -> TimedGraph:
    """Chains of long loops whose channels fill or drain for long: bursts, big needs, deep buffers."""
    length = draw(st.integers(2, 3))
    names = [f"a{i}" for i in range(length)]
    channels = []
    for i in range(length - 1):
        capacity = draw(st.sampled_from([None, 12, 60, 61, 200]))
        channels.append(Channel(f"c{i}", names[i], names[i + 1], capacity, draw(st.integers(0, 12))))

    def phase(name: str) -> Loop:
        """Many iterations of a burst; in each phase other rates."""
        take = {c.name: draw(st.integers(0, 3)) for c in channels if c.consumer == name}
        give = {c.name: draw(st.integers(0, 3)) for c in channels if c.producer == name}
        more = draw(st.sampled_from([0, 0, 1, 9, 45, 57]))
        need = {c.name: min(take[c.name] + more, c.capacity or 60) for c in channels if c.consumer == name}
        cycles = draw(st.integers(0, 9))
        plain, greedy = Firing(cycles, take, give), Firing(draw(st.integers(1, 9)), take, give, need)
        burst = Loop(draw(st.integers(0, 5)), [plain])
        return Loop(draw(st.integers(1, 60)), [greedy, burst] if draw(st.booleans()) else [burst, greedy])

    shared = draw(st.sampled_from([None, None, "pool"]))
    actors = []
    for name in names:
        phases = [phase(name) for _ in range(draw(st.integers(1, 3)))]
        actors.append(Actor(name, sequence(*phases), shared))
    return TimedGraph(actors, channels, [Resource("pool")])


@st.composite
def unbalanced_graphs(draw) -> TimedGraph:
    """Any rates, any channels, any precedence: most deadlock sooner or later."""
    names = [f"a{i}" for i in range(draw(st.integers(1, 4)))]
    channels = []
    for number in range(draw(st.integers(0, 5))):
        capacity = draw(st.sampled_from([3, 4, 9, 30, None]))
        channels.append(
            Channel(
                f"c{number}",
                draw(st.sampled_from(names)),
                draw(st.sampled_from(names)),
                capacity,
                draw(st.integers(0, 3)),
            )
        )
    pool = draw(st.booleans())
    actors = []
    for place, name in enumerate(names):

        def firing(name=name) -> Firing:
            take = {c.name: draw(st.integers(0, 2)) for c in channels if c.consumer == name}
            need = {c: rate + draw(st.sampled_from([0, 0, 1])) for c, rate in take.items()}
            give = {c.name: draw(st.integers(0, 3)) for c in channels if c.producer == name}
            return Firing(draw(CYCLES), take, give, need)

        nest = Loop(draw(st.integers(1, 3)), [draw(loop_nests(max_depth=2))])
        after = tuple(names[:place]) if draw(st.integers(0, 5)) == 0 else ()
        resource = "pool" if pool and draw(st.booleans()) else None
        actors.append(Actor(name, replace_tiles(nest, firing), resource, after))
    return TimedGraph(actors, channels, [Resource("pool")])
