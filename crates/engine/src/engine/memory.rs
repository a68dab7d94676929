//! The memory for blocks, shared out between devices.
//!
//! What was received for a device that hangs stays in memory until it goes on.
//! Were there one budget for all, such a device would have all of it within a
//! second, and no torrent elsewhere could ask for a block. So devices that
//! something is downloaded to have equal parts of the budget, and each its own
//! queue of peers that wait for some. Where there is one device nothing is
//! shared out.
//!
//! Blocks are counted by what comes and goes while something happens to a
//! torrent: nothing else moves them.

use smallvec::SmallVec;

use super::starved::Starved;
use crate::ids::{ConnKey, TorrentKey};

/// A device that torrents are on. The first is every torrent's before its
/// storage is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeviceIndex(usize);

#[derive(Debug, Default)]
struct Device {
    /// The host's number of it.
    number: u64,
    /// Torrents that are downloaded to it from somebody.
    downloads: usize,
    /// Bytes that its torrents asked for or received.
    held: u64,
    /// Reads for uploads that it has not answered.
    reads: u64,
    /// Who goes first when there is memory for blocks again.
    starved: Starved,
}

/// Who holds how much. See the module.
#[derive(Debug)]
pub(crate) struct Memory {
    devices: SmallVec<[Device; 2]>,
    /// What all devices hold together.
    counted: u64,
}

impl Default for Memory {
    fn default() -> Self {
        let devices = SmallVec::from_iter([Device::default()]);
        Self {
            devices,
            counted: 0,
        }
    }
}

impl Memory {
    /// The device of a number. There are as many as the user mounted.
    pub(crate) fn device(&mut self, number: u64) -> DeviceIndex {
        let known = self.devices.iter().position(|one| one.number == number);
        DeviceIndex(known.unwrap_or_else(|| {
            self.devices.push(Device {
                number,
                ..Device::default()
            });
            self.devices.len() - 1
        }))
    }

    /// A device's part of what all may hold together. One that came later has
    /// its part at once, though others may still hold more than theirs.
    pub(crate) fn part(&self, device: DeviceIndex, all_bytes: u64) -> u64 {
        let busy = |(at, one): &(usize, &Device)| one.downloads > 0 && *at != device.0;
        let others = self.devices.iter().enumerate().filter(busy).count();
        all_bytes / (others as u64 + 1)
    }

    /// What a device's torrents hold while something happens to one of them,
    /// where all torrents hold so much.
    pub(crate) fn held(&self, device: DeviceIndex, committed: u64) -> u64 {
        (self.devices[device.0].held + committed).saturating_sub(self.counted)
    }

    /// Something happened to a torrent of this device: all torrents hold so much now.
    pub(crate) fn settle(&mut self, device: DeviceIndex, committed: u64) {
        self.devices[device.0].held = self.held(device, committed);
        self.counted = committed;
    }

    /// A torrent of this device begins to download, or ends.
    pub(crate) fn count_download(&mut self, device: DeviceIndex, begins: bool) {
        let downloads = &mut self.devices[device.0].downloads;
        *downloads = if begins {
            *downloads + 1
        } else {
            *downloads - 1
        };
    }

    /// Who waits for memory of a device.
    pub(crate) fn starved(&self, device: DeviceIndex) -> &Starved {
        &self.devices[device.0].starved
    }

    /// A peer waits for memory from now on. The caller knows that it did not.
    pub(crate) fn starve(&mut self, device: DeviceIndex, torrent: TorrentKey, peer: ConnKey) {
        self.devices[device.0].starved.push(torrent, peer);
    }

    /// The peer that waited longest waits no more. It may be gone.
    pub(crate) fn next_starved(&mut self, device: DeviceIndex) -> Option<(TorrentKey, ConnKey)> {
        self.devices[device.0].starved.pop()
    }

    /// A read for an upload was sent to a device.
    pub(crate) fn read_begins(&mut self, device: DeviceIndex) {
        self.devices[device.0].reads += 1;
    }

    /// A device answered a read for an upload.
    pub(crate) fn read_ends(&mut self, device: DeviceIndex) {
        self.devices[device.0].reads -= 1;
    }

    /// Reads for uploads that a device has not answered.
    pub(crate) fn reads(&self, device: DeviceIndex) -> u64 {
        self.devices[device.0].reads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_downloaded_to_one_device_has_all_memory_whatever_else_there_is() {
        let mut memory = Memory::default();
        let (first, second) = (memory.device(7), memory.device(8));
        assert_ne!(first, second);
        assert_eq!(memory.device(7), first);
        memory.count_download(first, true);
        memory.count_download(first, true);
        assert_eq!(memory.part(first, 90), 90);
        assert_eq!(
            memory.part(second, 90),
            45,
            "as soon as it asks for something"
        );
        memory.count_download(second, true);
        assert_eq!(memory.part(first, 90), 45);
        memory.count_download(second, false);
        assert_eq!(memory.part(first, 90), 90);
    }

    #[test]
    fn each_device_holds_what_came_while_its_torrents_were_at_it() {
        let mut memory = Memory::default();
        let (first, second) = (memory.device(7), memory.device(8));
        assert_eq!(memory.held(first, 30), 30);
        memory.settle(first, 30);
        memory.settle(second, 50);
        assert_eq!(memory.held(first, 40), 20);
        assert_eq!((memory.held(first, 50), memory.held(second, 50)), (30, 20));
        memory.settle(first, 20);
        assert_eq!((memory.held(first, 20), memory.held(second, 20)), (0, 20));
    }
}
