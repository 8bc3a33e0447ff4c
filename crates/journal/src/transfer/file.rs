//! The file of an export: lines of JSON.
//!
//! The first line says what follows: the format, and how many rows there are of each table. Each
//! row is a line. The last line has the number of rows and the SHA-256 of each table's lines: a
//! file that was cut or changed is no export.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::TransferError;
use super::row::{Adding, Contents, Row, Table};

/// The version of the format.
const FORMAT: u32 = 1;

/// The longest line that is read, in bytes. The largest row is an inbox body of 1 MiB as numbers.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    kasse_journal: u32,
    made: Timestamp,
    rows: BTreeMap<Table, u64>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    end: Contents,
}

/// Writes an export. Dropped before its end it removes what it wrote.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    adding: Adding,
    whole: bool,
}

impl Writer {
    /// Makes the file, for its owner alone. One that is there is not overwritten.
    pub(crate) fn create(
        path: &Path,
        made: Timestamp,
        rows: BTreeMap<Table, u64>,
    ) -> Result<Self, TransferError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(failed(path))?;
        let mut writer = Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            adding: Adding::default(),
            whole: false,
        };
        let header = Header {
            kasse_journal: FORMAT,
            made,
            rows,
        };
        writer.line(&json(&header)?)?;
        Ok(writer)
    }

    pub(crate) fn row(&mut self, row: &Row) -> Result<(), TransferError> {
        let line = row.line()?;
        self.adding.line(row.table(), line.as_bytes());
        self.line(&line)
    }

    /// Writes the last line, and all of it to the disk.
    pub(crate) fn end(mut self) -> Result<Contents, TransferError> {
        let contents = std::mem::take(&mut self.adding).contents();
        let end = End { end: contents };
        self.line(&json(&end)?)?;
        let flushed = self.file.flush();
        flushed
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(failed(&self.path))?;
        self.whole = true;
        Ok(end.end)
    }

    fn line(&mut self, line: &str) -> Result<(), TransferError> {
        let written = self.file.write_all(line.as_bytes());
        written
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(failed(&self.path))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.whole {
            // Half an export is worse than none. That it cannot be removed is found by who reads it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Looks through a whole export, and says what it holds.
///
/// # Errors
/// It cannot be read, it is none, or something of it is missing or changed.
pub(crate) fn look_through(path: &Path) -> Result<Contents, TransferError> {
    let mut reader = Reader::open(path)?;
    let mut adding = Adding::default();
    while let Some((table, line)) = reader.next_line()? {
        adding.line(table, line);
    }
    let found = adding.contents();
    let said = reader.end()?;
    let differing = found.differing(&said);
    if differing.is_empty() {
        Ok(found)
    } else {
        let why = format!(
            "it was changed after it was made, in {}",
            differing.join(", ")
        );
        Err(reader.refused(why))
    }
}

/// Reads an export, row by row.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    /// What is still to come, the next first.
    left: Vec<(Table, u64)>,
    line: Vec<u8>,
    number: u64,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, TransferError> {
        let file = File::open(path).map_err(failed(path))?;
        let mut reader = Self {
            path: path.to_owned(),
            file: BufReader::new(file),
            left: Vec::new(),
            line: Vec::new(),
            number: 0,
        };
        reader.read()?;
        let header: Option<Header> = serde_json::from_slice(&reader.line).ok();
        let Some(header) = header else {
            return Err(reader.refused("its first line is not that of an export".to_owned()));
        };
        if header.kasse_journal != FORMAT {
            let why = format!(
                "it has format {}, and this kasse reads format {FORMAT}",
                header.kasse_journal
            );
            return Err(reader.refused(why));
        }
        let tables = Table::ALL.into_iter().rev();
        let count = |table| header.rows.get(&table).copied().unwrap_or_default();
        reader.left = tables.map(|table| (table, count(table))).collect();
        Ok(reader)
    }

    /// Passes over rows that were read before.
    pub(crate) fn pass(&mut self, rows: u64) -> Result<(), TransferError> {
        for _ in 0..rows {
            self.next_line()?;
        }
        Ok(())
    }

    /// The next row; `None`: there are no more.
    pub(crate) fn next_row(&mut self) -> Result<Option<Row>, TransferError> {
        let Some((table, line)) = self.next_line()? else {
            return Ok(None);
        };
        let row: Option<Row> = serde_json::from_slice(line).ok();
        match row {
            Some(row) if row.table() == table => Ok(Some(row)),
            _ => Err(self.refused(format!(
                "line {} is no row of {}",
                self.number,
                table.name()
            ))),
        }
    }

    fn next_line(&mut self) -> Result<Option<(Table, &[u8])>, TransferError> {
        while self.left.last().is_some_and(|(_, rows)| *rows == 0) {
            self.left.pop();
        }
        let Some((table, rows)) = self.left.last_mut() else {
            return Ok(None);
        };
        *rows = rows.saturating_sub(1);
        let table = *table;
        self.read()?;
        Ok(Some((table, &self.line)))
    }

    /// What the last line says, and nothing after it.
    fn end(&mut self) -> Result<Contents, TransferError> {
        self.read()?;
        let end: Option<End> = serde_json::from_slice(&self.line).ok();
        let nothing_more = self.file.fill_buf().map_err(failed(&self.path))?.is_empty();
        match end {
            Some(end) if nothing_more => Ok(end.end),
            _ => Err(self.refused(format!("line {} is not its last", self.number))),
        }
    }

    /// Reads a line, without its end.
    fn read(&mut self) -> Result<(), TransferError> {
        self.line.clear();
        self.number = self.number.saturating_add(1);
        let mut limited = Read::by_ref(&mut self.file).take(LONGEST);
        limited
            .read_until(b'\n', &mut self.line)
            .map_err(failed(&self.path))?;
        if self.line.pop() == Some(b'\n') {
            Ok(())
        } else {
            Err(self.refused(format!("it ends within line {}", self.number)))
        }
    }

    fn refused(&self, why: String) -> TransferError {
        TransferError::NoExport {
            path: self.path.clone(),
            why,
        }
    }
}

fn json(thing: &impl Serialize) -> Result<String, TransferError> {
    serde_json::to_string(thing).map_err(|_| TransferError::Unwritable("the export"))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> TransferError {
    let path = path.to_owned();
    move |source| TransferError::File { path, source }
}
