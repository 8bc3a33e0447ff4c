//! A journal in memory.
/// placeholder
#[derive(Debug, Default)]
pub struct MemoryJournal {}
