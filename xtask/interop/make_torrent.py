"""Makes a v1 torrent of a file or directory with libtorrent.

usage: make_torrent.py CONTENT PIECE_LEN OUT

Writes OUT and, beside it, OUT's v1 info-hash in hex (OUT with .hash). The
torrent has no tracker: each case adds its own.
"""

import os
import sys

import libtorrent as lt

content, piece_len, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
parent, name = os.path.split(os.path.abspath(content))

# An own walk in a fixed order: libtorrent's would follow the directory's.
entries = []
if os.path.isdir(content):
    for folder, folders, files in os.walk(content):
        folders.sort()
        for file in sorted(files):
            path = os.path.join(folder, file)
            entries.append((os.path.relpath(path, parent), os.path.getsize(path)))
else:
    entries.append((name, os.path.getsize(content)))

files = [lt.create_file_entry(path, size) for path, size in entries]
torrent = lt.create_torrent(files, piece_len, lt.create_torrent.v1_only)
torrent.set_creator("interop")
lt.set_piece_hashes(torrent, parent)
metainfo = torrent.generate()
with open(out + ".hash", "w") as hash_file:
    hash_file.write(str(lt.torrent_info(metainfo).info_hashes().v1))
with open(out + ".new", "wb") as torrent_file:
    torrent_file.write(lt.bencode(metainfo))
os.rename(out + ".new", out)
