"""Lets libtorrent check data that is there, and times it.

usage: check.py TORRENT DIR

Prints the seconds that the check took and the CPU seconds of it. Fails if the
data is not complete.
"""

import sys
import time

import libtorrent as lt

session = lt.session(
    {
        "listen_interfaces": "",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "alert_mask": lt.alert.category_t.status_notification,
    }
)
params = lt.load_torrent_file(sys.argv[1])
params.save_path = sys.argv[2]
# Not checked when it is added: the one that is asked for below is timed.
params.flags |= lt.torrent_flags.seed_mode
handle = session.add_torrent(params)
handle.unset_flags(lt.torrent_flags.auto_managed)
while handle.status().state != lt.torrent_status.seeding:
    time.sleep(0.01)
session.pop_alerts()

start, start_cpu = time.monotonic(), time.process_time()
handle.force_recheck()
handle.resume()
checked = False
while not checked:
    session.wait_for_alert(1000)
    checked = any(isinstance(alert, lt.torrent_checked_alert) for alert in session.pop_alerts())
seconds, cpu = time.monotonic() - start, time.process_time() - start_cpu
if not handle.status().is_seeding:
    sys.exit("the data is not complete")
print(f"{seconds:.4f} {cpu:.4f}")
