"""The logs that each member shows to everybody, as hashes of their leaves, and those that machines have on disk."""

import os
import sqlite3
import urllib.error
import urllib.request
from hashlib import sha256

import paths  # noqa: F401
from between import ANY_KEY
from export_file import tiles

HASH = 32


def shown(world, name, chain):
    """The hashes of the leaves that a party shows of a chain; nothing where there is none."""
    base = "https://%s:%d/v1/chains/%s/" % (world.network.address(name), world.ports[name][0], chain)

    def read(path):
        with urllib.request.urlopen(base + path, timeout=20, context=ANY_KEY) as answer:
            return answer.read()

    try:
        size = int(read("checkpoint").decode().split("\n")[1])
        found = b"".join(read(path) for path, _, _ in tiles("0", size))
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return []
        raise
    return [found[place:place + HASH] for place in range(0, len(found), HASH)]


def of_all(world):
    """Of each chain, by who shows it: the hashes of its leaves."""
    found = {"consortium": {name: shown(world, name, "consortium") for name in world.names}}
    clouds = {hospital: cloud for cloud, own in world.plan.confirms.items() for hospital in own}
    for hospital in world.plan.hospitals:
        found[hospital] = {name: shown(world, name, hospital) for name in (hospital, clouds[hospital])}
    return found


def on_disk(folder, hospital):
    """The same of a hospital's chain, from a folder in which nothing runs."""
    path = os.path.join(folder, "data", hospital, "chain.sqlite")
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True) as file:
        rows = file.execute("SELECT position, bytes FROM leaf ORDER BY position").fetchall()
    assert [position for position, _ in rows] == list(range(len(rows))), "%s: leaves are missing" % path
    return [sha256(b"\0" + leaf).digest() for _, leaf in rows]
