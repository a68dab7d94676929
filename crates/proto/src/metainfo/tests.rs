//! Tables of torrents.
