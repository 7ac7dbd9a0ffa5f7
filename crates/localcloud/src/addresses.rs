//! Where the local cloud listens.

use std::net::SocketAddr;

/// Where the local cloud listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// All of AWS's services.
    pub aws: SocketAddr,
    /// Jicofo.
    pub jicofo: SocketAddr,
    /// The recordings bucket.
    pub bucket: SocketAddr,
}
