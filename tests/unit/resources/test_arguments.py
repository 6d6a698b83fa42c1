import asyncio
import dataclasses
import datetime
import decimal
import enum
import fractions
import types
from collections import ChainMap, UserList, deque
from typing import Any

import pulumi
import pydantic
import pytest

from baseten_pulumi.resources.arguments import prepared
from tests.mocked import run

RESOURCE = 'BasetenEnvironmentSettings "chat"'


class Word(str, enum.Enum):
    KEEP = "KEEP"
    KEY = "max_replica"


class Plain(enum.Enum):
    KEEP = "KEEP"
    BOUNDS = (1, 6)


class Size(enum.IntEnum):
    SIX = 6


@dataclasses.dataclass
class Dataclass:
    max_replica: int = 6


class Model(pydantic.BaseModel):
    max_replica: int = 6


class Scalar:
    """As numpy's: its type has `dtype` and `shape`."""

    dtype = "int64"
    shape: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return "np.int64(6)"


class Array(Scalar):
    shape = (1,)

    def __repr__(self) -> str:
        return "array([6,\n       7])"


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError


def _refused(value: Any) -> list[str]:
    """Return what is wrong with a setting, in the words of the error without the name of the resource."""
    with pytest.raises(pulumi.RunError) as caught:
        prepared(RESOURCE, {"autoscaling_settings": {"max_replica": value}}, None)
    return [line.removeprefix(f"{RESOURCE}: ") for line in str(caught.value).splitlines()]


# --- values that are replaced -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Word.KEEP, "KEEP"),
        (Plain.KEEP, "KEEP"),
        (Plain.BOUNDS, [1, 6]),
        (Size.SIX, 6),
        ((1, (Size.SIX,)), [1, [6]]),
        (deque([1]), [1]),
        (UserList([1]), [1]),
        (types.MappingProxyType({"a": {"b": Word.KEEP}}), {"a": {"b": "KEEP"}}),
        (ChainMap({"a": 1}), {"a": 1}),
        ({Word.KEY: 6}, {"max_replica": 6}),
        ([{"a": [Plain.KEEP]}], [{"a": ["KEEP"]}]),
    ],
)
def test_value_is_plain_when_pulumi_or_the_engine_has_no_such_type(value: Any, plain: Any) -> None:
    """Enums become their values, sequences lists and mappings dicts, at every depth."""
    found = prepared(RESOURCE, {"autoscaling_settings": {"max_replica": value}, "wait": value}, None)
    assert found == {"autoscaling_settings": {"max_replica": plain}, "wait": plain}
    assert repr(found["wait"]) == repr(plain)  # 6, and no <Size.SIX: 6>, is equal to it


@pytest.mark.parametrize(
    "value", [None, True, 0, -1, 2**53, 1.5, "", "ü", {}, [], {"a": None}, [pulumi.output.UNKNOWN]]
)
def test_value_stays_when_it_is_plain(value: Any) -> None:
    """None is kept too: it removes a default, and leaves a setting unmanaged."""
    assert prepared(RESOURCE, {"wait": value}, None) == {"wait": value}


async def _awaitable(value: Any) -> Any:
    return value


@pytest.mark.parametrize("later", [pulumi.Output.from_input, _awaitable])
@pytest.mark.parametrize("depth", ["argument", "object", "value"])
def test_value_is_plain_when_it_is_known_later(later: Any, depth: str) -> None:
    """Inside Outputs and awaitables, and inside those again."""

    def program() -> pulumi.Output[Any]:
        value: Any = later(Size.SIX) if depth == "value" else Size.SIX
        group: Any = {"max_replica": value, "bounds": (1, 6)}
        argument = {"autoscaling_settings": later(group) if depth == "object" else group}
        found = prepared(RESOURCE, {"settings": later(argument) if depth == "argument" else argument}, None)
        return pulumi.Output.from_input(found)

    found = run(program)[0]
    assert repr(found) == "{'settings': {'autoscaling_settings': {'max_replica': 6, 'bounds': [1, 6]}}}"


def test_awaitable_can_be_used_twice_when_several_resources_share_it() -> None:
    """It becomes an Output."""

    def program() -> pulumi.Output[Any]:
        value = pulumi.Output.from_input(0).apply(lambda _: {"a": _awaitable(2)})
        once = prepared(RESOURCE, {"value": [_awaitable(1), value]}, None)
        return pulumi.Output.all(once["value"], prepared(RESOURCE, once, None)["value"])

    assert run(program)[0] == [[1, {"a": 2}]] * 2


@pytest.mark.parametrize("preview", [True, False])
def test_dependencies_secrecy_and_unknowns_stay_when_a_value_is_an_output(preview: bool) -> None:
    """Nothing is made known by looking at it."""

    def program() -> pulumi.Output[Any]:
        unknown: Any = pulumi.output.UNKNOWN
        given = pulumi.Output.secret(unknown if preview else 6)
        found = prepared(RESOURCE, {"wait": [given]}, None)["wait"][0]
        return pulumi.Output.from_input([found.is_secret(), found.is_known()])

    assert run(program, preview=preview)[0] == [True, not preview]


# --- values that are refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "failure"),
    [
        (Dataclass(), "must be a dict, got Dataclass; use dataclasses.asdict(…)"),
        (Model(), "must be a dict, got Model; use model_dump(exclude_none=True)"),
        (Scalar(), "must be a plain value, got np.int64(6); use .item()"),
        (Array(), "must be a plain value, got array([6, 7]); use .tolist()"),
        (decimal.Decimal(6), "must be an int, got Decimal('6'); use int(…)"),
        (fractions.Fraction(6), "must be an int, got Fraction(6, 1); use int(…)"),
        ({6}, "must be a list, got {6}; use sorted(…)"),
        (frozenset({6}), "must be a list, got frozenset({6}); use sorted(…)"),
        ({"a": 1}.keys(), "must be a list, got dict_keys(['a']); use sorted(…)"),
        ((it for it in (6,)), "must be a list, got generator; use list(…)"),
        (map(int, "6"), "must be a list, got map; use list(…)"),
        (range(6), "must be a list, got range(0, 6); use list(…)"),
        (datetime.date(2026, 3, 2), "must be a string, got datetime.date(2026, 3, 2); use .isoformat()"),
        (datetime.time(9), "must be a string, got datetime.time(9, 0); use .isoformat()"),
        (b"6", "must be a string, got b'6'; use bytes(…).decode()"),
        (bytearray(b"6"), "must be a string, got bytearray(b'6'); use bytes(…).decode()"),
        (Dataclass, "must be a dict, list, string, number, boolean or None, got type"),
        (object(), "must be a dict, list, string, number, boolean or None, got object"),
        (Broken(), "must be a dict, list, string, number, boolean or None, got Broken"),
        (set(range(100)), f"must be a list, got {str(set(range(100)))[:80]}…; use sorted(…)"),
        (float("inf"), "must be a finite number, got inf"),
        (10**400, "must be a number below 2^53, got one of 1329 bits"),
        ("\ud800", r"must be valid Unicode, got '\ud800'"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else type(value).__name__,
)
def test_value_is_refused_when_pulumi_cannot_send_it(value: Any, failure: str) -> None:
    """The line has its path, the rule, the value on 80 characters at most, and what makes it right."""
    assert _refused(value) == [f"autoscaling_settings.max_replica: {failure}"]


@pytest.mark.parametrize(("key", "shown"), [(None, "None"), (Size.SIX, "Size"), ("\ud800", r"'\ud800'")])
def test_key_is_refused_when_pulumi_cannot_send_it(key: Any, shown: str) -> None:
    failure = f"must have only valid strings as keys, got {shown}"
    assert _refused({key: 1}) == [f"autoscaling_settings.max_replica: {failure}"]


def test_every_value_is_named_when_several_are_refused() -> None:
    """One line each, with the resource's name, also within lists and below quoted keys."""
    opts = pulumi.ResourceOptions(import_="abc123/production")
    arguments = {"model_id": b"m", "autoscaling_settings": {"a.b": {1}}, "wait": [0, [Model]]}
    with pytest.raises(pulumi.RunError) as caught:
        prepared(RESOURCE, arguments, opts)
    assert str(caught.value).splitlines() == [
        f"{RESOURCE}: model_id: must be a string, got b'm'; use bytes(…).decode()",
        f'{RESOURCE}: autoscaling_settings["a.b"]: must be a list, got {{1}}; use sorted(…)',
        f"{RESOURCE}: wait[1][0]: must be a dict, list, string, number, boolean or None, got ModelMetaclass",
        f"{RESOURCE}: leave import_ out: the first `pulumi up` adopts what exists in Baseten",
    ]


def test_value_is_refused_when_it_is_known_later() -> None:
    def program() -> pulumi.Output[Any]:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        return pulumi.Output.from_input(prepared(RESOURCE, {"wait": pulumi.Output.from_input({6})}, None))

    with pytest.raises(pulumi.RunError) as caught:
        run(program)
    assert str(caught.value) == f"{RESOURCE}: wait: must be a list, got {{6}}; use sorted(…)"


# --- options ------------------------------------------------------------------------------------------------------

FORM = "model_id/env_name"


@pytest.mark.parametrize(
    ("given", "form", "more"),
    [
        ("abc123", FORM, ""),
        ("abc123/", FORM, ""),
        ("abc123/dev/x", FORM, ""),
        ("", FORM, ""),
        ("abc123/dev", f"{FORM}/schedule_id", ""),
        ("abc 123/dev", FORM, "; model_id: must contain only letters, digits, - and _"),
    ],
)
def test_id_is_refused_when_it_has_another_form(given: str, form: str, more: str) -> None:
    """Otherwise the read would fail in the provider, far from the program."""
    with pytest.raises(pulumi.RunError) as caught:
        prepared(RESOURCE, {}, pulumi.ResourceOptions(id=given), form)
    assert str(caught.value) == f'{RESOURCE}: id: must be {form}, got "{given}"{more}'


@pytest.mark.parametrize(
    ("given", "form"),
    [
        (lambda: "abc123/dev", FORM),
        (lambda: "abc123/dev/any thing", f"{FORM}/schedule_id"),
        (lambda: "anything", None),
        (lambda: pulumi.Output.from_input("abc123"), FORM),
    ],
    ids=["form", "Baseten's own", "no form", "output"],
)
def test_id_is_accepted_when_it_has_the_form_or_is_not_known(given: Any, form: str | None) -> None:
    assert run(lambda: prepared(RESOURCE, {"wait": True}, pulumi.ResourceOptions(id=given()), form))[0] == {
        "wait": True
    }
