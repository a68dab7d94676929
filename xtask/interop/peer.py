"""A libtorrent peer of one torrent.

`seed` serves until it is killed; `download` ends with 0 when complete. Ten
times a second a line of JSON with the payload's totals goes to stdout if they
changed; alerts go to stderr.
"""

import argparse
import json
import sys
import time

import libtorrent as lt

parser = argparse.ArgumentParser()
parser.add_argument("role", choices=["seed", "download"])
parser.add_argument("torrent", help="its file, or a magnet link")
parser.add_argument("dir")
parser.add_argument("--listen", required=True, metavar="ADDR:PORT")
parser.add_argument("--peer", action="append", default=[], metavar="ADDR:PORT")
parser.add_argument("--upload-limit", type=int, default=0, metavar="BYTES_PER_S")
parser.add_argument("--download-limit", type=int, default=0, metavar="BYTES_PER_S")
parser.add_argument("--as-shipped", action="store_true", help="uTP and encryption as libtorrent has them")
parser.add_argument("--dht-bootstrap", default="", metavar="ADDR:PORT", help="use the DHT, and begin here")
parser.add_argument("--lsd", action="store_true", help="hear neighbours, and tell them")
parser.add_argument("--encryption", choices=["disabled", "enabled", "forced"])
options = parser.parse_args()


def endpoint(text):
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


address = options.listen.rsplit(":", 1)[0].strip("[]")
settings = {
    "listen_interfaces": options.listen,
    "outgoing_interfaces": address,
    "alert_mask": lt.alert.category_t.error_notification
    | lt.alert.category_t.peer_notification
    | lt.alert.category_t.status_notification
    | lt.alert.category_t.tracker_notification
    | lt.alert.category_t.connect_notification,
    "enable_dht": bool(options.dht_bootstrap),
    "dht_bootstrap_nodes": options.dht_bootstrap,
    "enable_lsd": options.lsd,
    "enable_upnp": False,
    "enable_natpmp": False,
    "rate_limit_ip_overhead": False,
}
if not options.as_shipped:
    settings["enable_outgoing_utp"] = False
    settings["enable_incoming_utp"] = False
    settings["out_enc_policy"] = int(lt.enc_policy.pe_disabled)

if options.encryption:
    policy = int(getattr(lt.enc_policy, f"pe_{options.encryption}"))
    settings["out_enc_policy"] = policy
    settings["in_enc_policy"] = policy

session = lt.session(settings)
if options.torrent.startswith("magnet:"):
    params = lt.parse_magnet_uri(options.torrent)
else:
    params = lt.load_torrent_file(options.torrent)
params.save_path = options.dir
handle = session.add_torrent(params)
handle.unset_flags(lt.torrent_flags.auto_managed)
# The session's limits do not hold for the addresses of a namespace.
handle.set_download_limit(options.download_limit)
handle.set_upload_limit(options.upload_limit)
handle.resume()
for peer in options.peer:
    handle.connect_peer(endpoint(peer))

# What it announces before it knows any node is heard by nobody, and it would
# announce again only after a quarter of an hour.
next_announce = time.monotonic() + 3

reported = None
while True:
    session.wait_for_alert(50)
    for alert in session.pop_alerts():
        print(f"{time.time():.3f} {type(alert).__name__}: {alert.message()}", file=sys.stderr, flush=True)
    if options.dht_bootstrap and time.monotonic() > next_announce:
        next_announce = time.monotonic() + 10
        handle.force_dht_announce()
    status = handle.status()
    complete = options.role == "download" and status.is_seeding
    figures = {
        "state": str(status.state),
        "uploaded": status.total_payload_upload,
        "downloaded": status.total_payload_download,
        "peers": status.num_peers,
    }
    if figures != reported:
        reported = figures
        print(json.dumps(figures), flush=True)
    if complete:
        break
    if status.errc.value() != 0:
        sys.exit(f"torrent error: {status.errc.message()}")

# Lets the tracker hear of the end, and the disk thread finish its writes.
session.pause()
time.sleep(0.3)
