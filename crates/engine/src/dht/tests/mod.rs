//! Whole nodes, and networks of them.

mod hostile;
mod net;
mod networks;
mod table;
