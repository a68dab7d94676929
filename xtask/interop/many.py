"""Many torrents in one libtorrent session, from resume data.

usage: many.py prepare TORRENT_DIR DATA_DIR RESUME_DIR
       many.py serve RESUME_DIR ADDR:PORT [TRACKER]

`prepare` writes resume data that call every torrent complete. `serve` says
`started` once libtorrent is loaded, adds all and serves until it is killed.
"""

import os
import sys

import libtorrent as lt


def prepare(torrents, data, resume):
    os.makedirs(resume, exist_ok=True)
    for name in sorted(os.listdir(torrents)):
        params = lt.load_torrent_file(os.path.join(torrents, name))
        params.save_path = data
        params.have_pieces = [True] * params.ti.num_pieces()
        with open(os.path.join(resume, name), "wb") as file:
            file.write(lt.write_resume_data_buf(params))


def serve(resume, listen, *trackers):
    print("started", flush=True)
    session = lt.session(
        {
            "listen_interfaces": listen,
            "alert_mask": lt.alert.category_t.error_notification,
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_outgoing_utp": False,
            "enable_incoming_utp": False,
        }
    )
    for name in os.listdir(resume):
        with open(os.path.join(resume, name), "rb") as file:
            params = lt.read_resume_data(file.read())
        params.trackers = list(trackers)
        # Neither queued nor paused.
        params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        session.async_add_torrent(params)
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert)):
                print(alert.message(), file=sys.stderr, flush=True)


if sys.argv[1] == "prepare":
    prepare(*sys.argv[2:])
else:
    serve(*sys.argv[2:])
