"""A node of libtorrent's that stores items in the DHT (BEP 44), or looks them up.

What it is to do is said in verbs, which may follow each other. Of each it prints a
line of JSON: of what was stored by which hash it is found, or which number it has,
and how many nodes took it; of what was found the value, and the number. Values are
strings; hashes, keys and secrets are in hex. It stays a node until it is killed.

    put VALUE
    get HASH
    put-mutable SECRET KEY SALT VALUE
    get-mutable KEY SALT
"""

import argparse
import hashlib
import json
import sys
import time

import libtorrent as lt

parser = argparse.ArgumentParser()
parser.add_argument("--listen", required=True, metavar="ADDR:PORT")
parser.add_argument("--bootstrap", required=True, metavar="ADDR:PORT")
parser.add_argument("verbs", nargs="+")
options = parser.parse_args()

session = lt.session(
    {
        "listen_interfaces": options.listen,
        "outgoing_interfaces": options.listen.rsplit(":", 1)[0],
        "alert_mask": lt.alert.category_t.dht_notification,
        "enable_dht": True,
        "dht_bootstrap_nodes": options.bootstrap,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
    }
)


def wait_for(kind, is_it=lambda alert: True):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        session.wait_for_alert(100)
        for alert in session.pop_alerts():
            print(f"{time.time():.3f} {type(alert).__name__}: {alert.message()}", file=sys.stderr, flush=True)
            if isinstance(alert, kind) and is_it(alert):
                return alert
    sys.exit(f"waited in vain for {kind.__name__}")


def expanded(seed):
    """A private key as libtorrent takes it: what RFC 8032 makes of the secret."""
    key = bytearray(hashlib.sha512(seed).digest())
    key[0] &= 248
    key[31] = key[31] & 63 | 64
    return bytes(key)


def put(value):
    found_by = session.dht_put_immutable_item(value.encode())
    return {"hash": str(found_by), "stored": wait_for(lt.dht_put_alert).num_success}


def get(found_by):
    session.dht_get_immutable_item(lt.sha1_hash(bytes.fromhex(found_by)))
    return {"value": text(wait_for(lt.dht_immutable_item_alert).item)}


def put_mutable(secret, key, salt, value):
    secret, key = expanded(bytes.fromhex(secret)), bytes.fromhex(key)
    session.dht_put_mutable_item(secret, key, value.encode(), salt.encode())
    alert = wait_for(lt.dht_put_alert)
    return {"seq": alert.seq, "stored": alert.num_success}


def get_mutable(key, salt):
    session.dht_get_mutable_item(bytes.fromhex(key), salt.encode())
    # What one node had is said before all have been asked.
    alert = wait_for(lt.dht_mutable_item_alert, lambda alert: alert.authoritative)
    return {"seq": alert.seq, "value": text(alert.item)}


def text(item):
    return item.decode() if item else None


wait_for(lt.dht_bootstrap_alert)
rest = options.verbs
while rest:
    do, count = {"put": (put, 1), "get": (get, 1), "put-mutable": (put_mutable, 4), "get-mutable": (get_mutable, 2)}[rest[0]]
    # It is one of those that it asks, and does not answer who asks often.
    time.sleep(2)
    print(json.dumps(do(*rest[1 : 1 + count])), flush=True)
    rest = rest[1 + count :]
while True:
    time.sleep(1)
