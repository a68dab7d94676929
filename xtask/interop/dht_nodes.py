"""Nodes of libtorrent's DHT, several in one process.

Each listens at an address of its own and begins with the same node; without one
all of them are told of each other. A line of JSON
says how many are up; they run until the process is killed.
"""

import argparse
import json
import time

import libtorrent as lt

parser = argparse.ArgumentParser()
parser.add_argument("--listen", action="append", required=True, metavar="ADDR:PORT")
parser.add_argument("--bootstrap", default="", metavar="ADDR:PORT")
options = parser.parse_args()

sessions = [
    lt.session(
        {
            "listen_interfaces": listen,
            "outgoing_interfaces": listen.rsplit(":", 1)[0],
            "enable_dht": True,
            "dht_bootstrap_nodes": options.bootstrap,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
        }
    )
    for listen in options.listen
]
if not options.bootstrap:
    for session in sessions:
        for listen in options.listen:
            address, port = listen.rsplit(":", 1)
            session.add_dht_node((address, int(port)))
while True:
    time.sleep(1)
    print(json.dumps({"running": sum(session.is_dht_running() for session in sessions)}), flush=True)
