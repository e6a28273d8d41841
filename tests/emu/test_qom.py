"""QOM: init order, properties, composition, paths, interfaces, -object, -global, introspection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.core.qdict import QValue
from emu.errors import OptionError, UserError
from emu.options.visitor import JSON, KEYVAL, STRING, Visitor
from emu.qom import compat, introspect, types
from emu.qom.creatable import UserCreatable, object_add, object_del, object_help, objects_help
from emu.qom.object import (
    Container,
    Interface,
    Object,
    container,
    object_new,
    own_tree,
    resolve,
    resolve_path,
    root,
)
from emu.qom.property import Accessor, Bool, DeviceNotFound, Enum, Int, Link, Property, Size, Text, Uint
from emu.qom.types import interface_type, qom_type


@interface_type("x-painted")
class Painted(Interface):
    """An interface of this test."""


@qom_type("x-base", abstract=True)
class Base(Object):
    """Notes when its functions run."""

    count = Uint("count", 8, 3, "how many")

    def instance_init(self) -> None:
        """First."""
        self.order = ["base init"]

    def instance_post_init(self) -> None:
        """Last."""
        self.order.append("base post")


@qom_type("x-leaf")
class Leaf(Base, Painted):
    """All kinds of properties."""

    flag = Bool("flag")
    text = Text("text", "x")
    size = Size("size", 4096)
    signed = Int("signed", 32, -1)
    mode = Enum("mode", "Mode", ("fast", "slow"), "fast")
    peer = Link("peer", "x-base")
    secret = Accessor("secret", "string", set=lambda self, visitor, value: None)

    def instance_init(self) -> None:
        """Second: the parent's part is there."""
        self.order.append("leaf init")

    def instance_post_init(self) -> None:
        """Third."""
        self.order.append("leaf post")


@qom_type("x-creatable")
class Creatable(Object, UserCreatable):
    """-object can make it."""

    required = ("path",)
    path = Text("path", type="string")
    used = False

    def complete(self) -> None:
        """Refuses one value."""
        if self.path == "bad":
            raise UserError("Could not open 'bad': No such file or directory")

    def can_be_deleted(self) -> bool:
        """Unless it is used."""
        return not self.used


@pytest.fixture(autouse=True)
def tree() -> Iterator[Object]:
    """A tree of one's own."""
    with own_tree() as top:
        yield top
    compat.forget()


def test_parents_are_made_before_leaves_and_finished_after_them() -> None:
    made = object_new("x-leaf")
    assert isinstance(made, Leaf)
    assert made.order == ["base init", "leaf init", "leaf post", "base post"]


def test_types_know_parents_and_interfaces() -> None:
    assert Leaf().is_a("x-leaf")
    assert Leaf().is_a("x-base")
    assert Leaf().is_a("x-painted")
    assert Leaf().is_a("interface")
    assert not Leaf().is_a("container")
    assert [t.name for t in types.list_types("x-base")] == ["x-leaf"]
    assert [t.name for t in types.list_types("x-base", include_abstract=True)] == ["x-base", "x-leaf"]
    assert [t.name for t in types.list_types("x-painted")] == ["x-leaf"]


def test_a_type_declared_twice_fails_naming_both_places() -> None:
    with pytest.raises(ValueError, match=r"type x-leaf declared twice: .*Leaf and .*Other"):

        @qom_type("x-leaf")
        class Other(Object):
            """..."""


J, K, T = JSON, KEYVAL, STRING
# property, visitor, value -> result or QEMU's complaint (texts: runs of QEMU 10.0.13)
VALUES: list[tuple[str, Visitor, QValue, QValue]] = [
    ("flag", J, True, True),
    ("flag", K, "on", True),
    ("flag", T, "no", False),
    ("flag", J, 1, OptionError("Invalid parameter type for 'flag', expected: boolean")),
    ("flag", K, "foo", OptionError("Parameter 'flag' expects 'on' or 'off'")),
    ("count", J, 255, 255),
    ("count", K, "0x10", 16),
    ("count", K, "010", 8),
    ("count", K, "256", OptionError("Parameter 'count' expects uint8_t")),
    ("count", K, "-1", OptionError("Parameter 'count' expects uint8_t")),
    ("count", K, "foo", OptionError("Parameter 'count' expects integer")),
    ("count", K, "", OptionError("Parameter 'count' expects integer")),
    ("count", T, "foo", OptionError("Parameter 'count' expects uint64")),
    ("count", J, "1", OptionError("Parameter 'count' expects uint64")),
    ("count", J, 1.5, OptionError("Parameter 'count' expects uint64")),
    ("count", J, True, OptionError("Parameter 'count' expects uint64")),
    ("count", J, -1, OptionError("Parameter 'count' expects uint8_t")),
    ("signed", K, "-5", -5),
    ("signed", J, -(1 << 31), -(1 << 31)),
    ("signed", J, 1 << 31, OptionError("Parameter 'signed' expects int32_t")),
    ("signed", J, "1", OptionError("Invalid parameter type for 'signed', expected: integer")),
    ("size", K, "2M", 2 << 20),
    ("size", T, "1.5k", 1536),
    ("size", J, 7, 7),
    ("size", K, "foo", OptionError("Parameter 'size' expects size")),
    ("size", T, "foo", OptionError("Parameter 'size' expects a non-negative number below 2^64")),
    ("text", J, "abc", "abc"),
    ("text", J, 1, OptionError("Invalid parameter type for 'text', expected: string")),
    ("mode", K, "slow", "slow"),
    ("mode", K, "mid", OptionError("Parameter 'mode' does not accept value 'mid'")),
    ("peer", K, "", ""),
    ("peer", K, "nobody", OptionError("Device 'nobody' not found")),
    ("peer", J, 1, OptionError("Invalid parameter type for 'peer', expected: string")),
    ("type", J, "x", OptionError("Property 'x-leaf.type' is not writable")),
    ("foo", J, "x", OptionError("Property 'x-leaf.foo' not found")),
]


@pytest.mark.parametrize(("name", "visitor", "value", "wanted"), VALUES)
def test_values_are_read_as_qemu_reads_them(
    name: str, visitor: Visitor, value: QValue, wanted: QValue | OptionError
) -> None:
    leaf = Leaf()
    if isinstance(wanted, OptionError):
        with pytest.raises(UserError) as error:
            leaf.set_property(name, value, visitor)
        assert error.value.text == wanted.text
    else:
        leaf.set_property(name, value, visitor)
        assert leaf.get_property(name) == wanted


def test_attributes_and_properties_are_the_same() -> None:
    leaf, other = Leaf(), Leaf()
    leaf.count = 9
    assert (leaf.get_property("count"), other.get_property("count"), other.count) == (9, 3, 3)
    with pytest.raises(UserError, match=r"Property 'x-leaf.secret' is not readable"):
        leaf.get_property("secret")


def test_children_links_and_paths() -> None:
    a = root().add_child("a", Container())
    leaf = a.add_child("leaf[*]", Leaf())
    second = a.add_child("leaf[*]", Leaf())
    assert [leaf.canonical_path, second.canonical_path] == ["/a/leaf[0]", "/a/leaf[1]"]
    assert resolve_path("/a/leaf[1]") == (second, False)
    assert resolve_path("leaf[1]") == (second, False)
    assert resolve_path("a/leaf[0]") == (leaf, False)
    assert resolve_path("/leaf[0]") == (None, False)
    second.set_property("peer", "leaf[0]")
    assert second.peer is leaf
    assert resolve_path("/a/leaf[1]/peer/order") == (None, False)
    assert resolve_path("/a/leaf[1]/peer") == (leaf, False)
    root().add_child("leaf[0]", Leaf())
    assert resolve_path("leaf[0]") == (None, True)
    with pytest.raises(OptionError, match=r"Path 'leaf\[0\]' does not uniquely identify an object"):
        second.set_property("peer", "leaf[0]")
    with pytest.raises(UserError, match=r"^Path 'leaf\[0\]' is ambiguous$"):
        resolve("leaf[0]")
    with pytest.raises(UserError, match="attempt to add duplicate property 'a'"):
        root().add_child("a", Container())
    with pytest.raises(OptionError, match=r"Invalid parameter type for 'peer', expected: x-base"):
        second.set_property("peer", "/a")


def test_unparent_takes_everything_below_along() -> None:
    gone: list[str] = []

    class Told(Container):
        def finalize(self) -> None:
            gone.append(type(self).__name__)

    class Inner(Told):
        """..."""

    outer = root().add_child("outer", Told())
    inner = outer.add_child("inner", Inner())
    outer.unparent()
    assert gone == ["Inner", "Told"]
    assert (inner.canonical_path, outer.canonical_path) == ("", "")
    assert root().child("outer") is None
    outer.unparent()  # again: nothing


def test_composed_children_get_name_parent_and_values_at_once() -> None:
    outer = root().add_child("outer", Container())
    inner = outer.init_child("inner", Leaf, count=7, text="y")
    assert (inner.canonical_path, inner.count, inner.text) == ("/outer/inner", 7, "y")


def test_containers_of_a_path_are_made_once() -> None:
    assert container("/x/y") is container("/x/y")
    assert container("/x/y").canonical_path == "/x/y"


# -- -object

KIND = "x-creatable"


@pytest.mark.parametrize(("values", "text"), [
    ({}, "Parameter 'qom-type' is missing"),
    ({"qom-type": "nosuch", "id": "a"}, "Parameter 'qom-type' does not accept value 'nosuch'"),
    ({"qom-type": "x-leaf", "id": "a"}, "Parameter 'qom-type' does not accept value 'x-leaf'"),
    ({"qom-type": KIND}, "Parameter 'id' is missing"),
    ({"qom-type": KIND, "id": "a"}, "Parameter 'path' is missing"),
    ({"qom-type": KIND, "id": "a", "path": "p", "foo": "1"}, "Invalid parameter 'foo'"),
    ({"qom-type": KIND, "id": "1", "path": "p"}, "Parameter 'id' expects an identifier"),
    ({"qom-type": KIND, "id": "a", "path": "bad"}, "Could not open 'bad': No such file or directory"),
])  # fmt: skip
def test_object_add_refuses_and_leaves_nothing(values: dict[str, QValue], text: str) -> None:
    with pytest.raises(UserError) as error:
        object_add(values, KEYVAL)
    assert error.value.text == text
    assert container("/objects").children == {}


def test_objects_come_and_go() -> None:
    made = object_add({"qom-type": KIND, "id": "a", "path": "p"}, KEYVAL)
    assert made.canonical_path == "/objects/a"
    with pytest.raises(UserError) as error:
        object_add({"qom-type": KIND, "id": "a", "path": "p"}, KEYVAL)
    assert error.value.text == "attempt to add duplicate property 'a' to object (type 'container')"
    assert isinstance(made, Creatable)
    made.used = True
    with pytest.raises(UserError, match=r"^object 'a' is in use, can not be deleted$"):
        object_del("a")
    made.used = False
    object_del("a")
    with pytest.raises(UserError, match=r"^object 'a' not found$"):
        object_del("a")


def test_help_of_objects_follows_their_declaration() -> None:
    assert f"  {KIND}\n" in objects_help()
    assert object_help(KIND) == f"{KIND} options:\n  path=<string>\n"


# -- introspection


def test_introspection_shows_what_is_declared() -> None:
    root().add_child("leaf", Leaf())
    assert introspect.qom_get("/leaf", "count") == 3
    introspect.qom_set("/leaf", "count", 5)
    assert introspect.qom_get("/leaf", "count") == 5
    assert {"name": "mode", "type": "Mode"} in introspect.qom_list("/leaf")
    assert introspect.qom_list("/")[-1] == {"name": "leaf", "type": "child<x-leaf>"}
    entry = {"name": "count", "type": "uint8", "description": "how many", "default-value": 3}
    assert entry in introspect.qom_list_properties("x-leaf")
    assert introspect.qom_list_types("x-base") == [{"name": "x-leaf", "parent": "x-base"}]
    assert introspect.qom_list_types("x-base", abstract=True)[0] == {
        "name": "x-base", "abstract": True, "parent": "object"
    }  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: introspect.qom_list("foo"), "DeviceNotFound", "Device 'foo' not found"),
    (lambda: introspect.qom_get("/", "foo"), "GenericError", "Property 'container.foo' not found"),
    (lambda: introspect.qom_list_properties("foo"), "DeviceNotFound", "Class 'foo' not found"),
    (lambda: introspect.device_list_properties("foo"), "DeviceNotFound", "Device 'foo' not found"),
    (lambda: introspect.device_list_properties("x-leaf"), "GenericError",
     "Parameter 'typename' expects a non-abstract device type"),
])  # fmt: skip
def test_introspection_complains_as_qemu(call: object, error: str, text: str) -> None:
    with pytest.raises(UserError) as caught:
        call()  # type: ignore[operator]  # it is one
    assert (caught.value.qmp_class, caught.value.text) == (error, text)


def test_every_type_can_be_listed_and_has_well_formed_properties() -> None:
    for one in types.list_types("object", include_abstract=True):
        for prop in one.cls.class_properties().values():  # type: ignore[attr-defined]
            assert isinstance(prop, Property)
            assert prop.name
            assert prop.type
        assert DeviceNotFound is not None
