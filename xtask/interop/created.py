"""Judges torrents that superseed made, with libtorrent.

usage: created.py JOBS

Each line of JOBS is `FORMAT PIECE_LEN CONTENT OURS THEIRS`, parted by tabs.
Makes a torrent of CONTENT as libtorrent does and writes it to THEIRS; fails
unless OURS has the same info-hashes and libtorrent finds CONTENT complete by
it. Says how many it judged.

libtorrent orders the v1 half of a hybrid by whole paths and its v2 half by
elements, and refuses the result where the two differ (a.b and a/b): such a
THEIRS is not written, and of OURS it is only asked that it loads and verifies.
"""

import os
import sys
import time

import libtorrent as lt

FLAGS = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}


def make(content, piece_len, flags):
    parent = os.path.dirname(content)
    entries = list(lt.list_files(content, flags=lt.create_torrent.symlinks))
    # A v1 torrent has the order it is given, which is the directory's here.
    entries.sort(key=lambda entry: os.fsencode(entry.filename).split(b"/"))
    torrent = lt.create_torrent(entries, piece_len, flags | lt.create_torrent.symlinks)
    torrent.set_creator("interop")
    lt.set_piece_hashes(torrent, parent)
    return lt.bencode(torrent.generate())


def hashes(torrent):
    found = lt.torrent_info(lt.bdecode(torrent)).info_hashes()
    return str(found.v1) if found.has_v1() else "", str(found.v2) if found.has_v2() else ""


session = lt.session(
    {
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "active_checking": 4,
    }
)
problems = []
checks = []
with open(sys.argv[1], encoding="utf-8") as jobs:
    for line in jobs:
        form, piece_len, content, ours, theirs = line.rstrip("\n").split("\t")
        made = make(content, int(piece_len), FLAGS[form])
        with open(ours, "rb") as read:
            given = read.read()
        try:
            expected = hashes(made)
            with open(theirs, "wb") as out:
                out.write(made)
        except RuntimeError as error:
            if form != "hybrid" or "does not match" not in str(error):
                raise
            expected = hashes(given)
        if expected != hashes(given):
            problems.append(f"{ours}: {hashes(given)} is not {expected}")
            continue
        params = lt.load_torrent_file(ours)
        params.save_path = os.path.dirname(content)
        params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        try:
            checks.append((ours, session.add_torrent(params)))
        except RuntimeError as error:
            # Another shape may have the same bytes and names.
            if "exists" not in str(error):
                problems.append(f"{ours}: {error}")

deadline = time.monotonic() + 60
for ours, handle in checks:
    while not handle.status().is_seeding:
        if time.monotonic() > deadline:
            problems.append(f"{ours}: libtorrent has {handle.status().progress:.3f} of it")
            break
        time.sleep(0.02)

print(len(checks))
for problem in problems:
    print(problem, file=sys.stderr)
sys.exit(bool(problems))
