"""The pages of a search: complete, offline, and unable to run what a layer is called."""

from __future__ import annotations

import json
import re

import pytest
from elements import Elements
from plan_documents import AWKWARD_NAMES, EDITED, front, plan

from archsim.dse.plan import Plan
from archsim.errors import InputError
from archsim.reports.plan_data import comparison, complete, goal_label, goal_told, proof, told
from archsim.reports.plan_page import render_front_page, render_plan_page, write_front_page, write_plan_page

PAGES = {
    "plan": lambda: render_plan_page(plan()),
    "edited": lambda: render_plan_page(EDITED),
    "front": lambda: render_front_page(front()),
    "empty": lambda: render_front_page(front(0)),
}


@pytest.fixture(scope="module", params=PAGES)
def page(request):
    return PAGES[request.param]()


def data_of(page):
    return json.loads(Elements(page).scripts[0])


def test_data_in_the_page_is_the_plan():
    data = data_of(render_plan_page(plan()))
    assert data["goal"] == "energy"
    assert {key: data[key] for key in plan()} == plan()


def test_data_of_a_front_gives_back_every_plan():
    document = front(6, 30)
    data = data_of(render_front_page(document))
    assert len(data["layers"]) < 45, "plans that share layers must not repeat them"
    for told_point, point in zip(data["points"], document["points"], strict=True):
        layers = [data["layers"][place] for place in told_point["plan"]["layers"]]
        assert layers == point["plan"]["layers"]
        assert told_point["values"] == point["values"]


def test_names_cannot_become_markup(page):
    elements = Elements(page)
    assert len(elements.scripts) == 3, "a name opened or closed a script element"
    assert not [tag for tag, _ in elements.tags if tag in ("img", "b", "i")]
    assert "<" not in elements.scripts[0]


def test_title_is_what_runs_where():
    assert Elements(render_plan_page(EDITED)).title.strip() == "net <b>of</b> a test on array & co"
    assert Elements(render_front_page(front())).title.strip() == "net <b>of</b> a test on systolic-32-edge"


def test_page_loads_nothing(page):
    for tag, attributes in Elements(page).tags:
        assert tag not in ("link", "iframe", "object", "embed"), tag
        assert "src" not in attributes
        assert not attributes.get("href", "").startswith(("http", "//"))
    assert not any("url(" in style for style in re.findall(r"<style>(.*?)</style>", page, re.S))
    assert "default-src 'none'" in page


def test_every_element_a_script_asks_for_is_there(page):
    present = re.findall(r'\bid="([^"]+)"', page)
    assert len(present) == len(set(present))
    asked = set(re.findall(r'byId\("([^"]+)"\)', page))
    assert len(asked) > 15
    assert asked - {"pick-x", "pick-y"} <= set(present)  # these two a script makes


def test_size_stays_small():
    assert len(render_plan_page(plan(300)).encode()) < 1_000_000
    assert len(render_front_page(front(15, 300)).encode()) < 2_000_000
    assert len(render_front_page(front(40, 72, area=True)).encode()) < 2_000_000


def test_a_plan_that_never_came_from_a_search_is_complete():
    own = complete(EDITED)
    schema = {field.alias or name for name, field in Plan.model_fields.items()} - {"schema"}
    assert schema <= set(own)
    assert own["layers"][1]["latency_cycles"] is None
    assert proof(own) == ["Not from a search: nothing is proven of this plan."]
    assert proof(complete(Plan.model_validate(EDITED).to_dict())) == proof(own)


def test_plan_writes_its_page_itself(tmp_path):
    model = Plan.model_validate(plan())
    model.to_html(tmp_path / "plan.html")
    assert (tmp_path / "plan.html").read_text(encoding="utf-8") == render_plan_page(model.to_dict())


@pytest.mark.parametrize(("write", "document"), [(write_plan_page, plan()), (write_front_page, front())])
def test_write_is_whole_or_an_input_error(write, document, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        write(document, tmp_path / "none" / "page.html")
    assert list(tmp_path.iterdir()) == []
    write(document, tmp_path / "page.html")
    assert AWKWARD_NAMES[2] in json.dumps(data_of((tmp_path / "page.html").read_text()), ensure_ascii=False)


def test_proof_says_what_is_known():
    optimal = complete(plan(minimize="latency_ms", objective=7.25, then={"energy_mj": 1.5}))
    assert proof(optimal) == [
        "Proven optimal: latency 7.250 ms; no choice within the budgets has less.",
        "Among equals, energy was minimised second: 1.500 mJ.",
    ]
    stopped = complete(
        plan(minimize="energy_mj", status="FEASIBLE", objective=2.0, best_bound=1.9, gap=0.05, then={})
    )
    assert proof(stopped) == [
        "Feasible, not proven optimal: energy 2.000 mJ; no choice within the budgets has less than 1.900 mJ, "
        "a gap of 5 %."
    ]
    unbounded = complete(plan(status="FEASIBLE", objective=2.0, best_bound=None, gap=None, then={}))
    assert proof(unbounded) == ["Feasible, not proven optimal: energy 2.000 mJ; no bound is known."]
    free = complete(plan(budgets=[], objective=2.0, then={}))
    assert "no choice of sizes, bits and tilings has less." in proof(free)[0]


def test_proof_tells_of_fifos_between_stages():
    search = {"between_stages": {"lut": 1234.0, "bram18": 2.0}, "times_solved": 3}
    taken = "FIFOs between the stages take 1,234 lut, 2 bram18, which is counted."
    solved = "It took 3 selection problems."
    proven = complete(plan(status="OPTIMAL", objective=2.0, search=search, then={}))
    assert proof(proven)[1:] == [taken, solved]
    fits = complete(plan(status="FEASIBLE", objective=2.0, search=search, then={}))
    assert proof(fits)[1:] == [taken, "The bound may be one of the stages without them.", solved]
    nearest = complete(plan(status="UNKNOWN", objective=2.0, search=search, then={}))
    assert proof(nearest) == [
        "Beyond its limits: energy 2.000 mJ.",
        taken,
        "No plan was found that fits with its FIFOs; this is the nearest.",
        solved,
    ]


def test_proof_of_a_front_point_allows_for_its_limits():
    """Elsewhere on the front there is less of the goal, at the price of another quantity."""
    data = data_of(render_front_page(front(area=True)))
    for point in data["points"]:
        assert "without more latency or area" in point["plan"]["proof"][0]


@pytest.mark.parametrize(
    ("minimize", "value", "words", "text"),
    [
        ("energy_mj", 1.5, "energy", "1.500 mJ"),
        ("energy_mj x latency_ms", 12.0, "energy × latency", "12.00 mJ·ms"),
        ("0.5 energy_mj + latency_ms", 12.0, "0.5 energy + latency", "12.00"),
        ("dram_mb", 2.5, "DRAM traffic", "2.500 MB"),
    ],
)
def test_goals_in_words(minimize, value, words, text):
    assert goal_label(minimize) == words
    assert goal_told(minimize, value) == text


def test_quantities_in_their_units():
    assert told("peak_activation_kib", 2048.0) == "2.000 MiB"
    assert told("held_kib.buffer", 1.0) == "1.000 KiB"
    assert told("power_mw", 12.5) == "12.50 mW"
    assert told("resource.dsp", 240) == "240.0"
    assert told("area_mm2", None) == "–"
    assert comparison(0.75, 1.0) == "25.0 % less"
    assert comparison(1.25, 1.0) == "25.0 % more"
    assert comparison(1.0001, 1.0) == "same"
    assert comparison(1.0, None) == comparison(1.0, 0.0) == comparison(None, 1.0) == ""
