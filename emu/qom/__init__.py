"""QOM and qdev: typed objects in one tree, with properties; devices and buses on top.

    types     names, inheritance, interfaces; found by walking the packages
    object    the object itself: init chain, properties, children, links, paths
    property  kinds of property values
    visitor   a value as text, as a key of an option, or as JSON: QEMU's three readers
    device    qdev: realize, buses, lines, three-phase reset
    monitor   -device and device_add; creatable: -object and object_add
"""
