//! Which snapshots the tests looked at.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Problem, root, run};

/// The list of snapshots that the tests looked at, which insta writes while they run.
pub(crate) struct Snapshots {
    list: PathBuf,
}

impl Snapshots {
    /// Begins an empty list.
    pub(crate) fn watch() -> Result<Self, Problem> {
        let list = run::target().join("snapshots-used.txt");
        fs::create_dir_all(run::target())
            .and_then(|()| fs::write(&list, ""))
            .map_err(|error| format!("{} cannot be written: {error}", list.display()))?;
        Ok(Self { list })
    }

    /// The file that `INSTA_SNAPSHOT_REFERENCES_FILE` names.
    pub(crate) fn list(&self) -> &Path {
        &self.list
    }

    /// Refuses snapshots that no test looked at: they pin nothing and mislead the reader.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let list = fs::read_to_string(&self.list)
            .map_err(|error| format!("{} cannot be read: {error}", self.list.display()))?;
        let mut there = BTreeSet::new();
        for folder in ["crates", "plugins", "tests"] {
            find(&root().join(folder), &mut there)?;
        }
        let unused: Vec<String> = unused(&list, &there)
            .iter()
            .map(|path| format!("  {}", path.strip_prefix(root()).unwrap_or(path).display()))
            .collect();
        if unused.is_empty() {
            println!("xtask: {} snapshot files, all used", there.len());
            Ok(())
        } else {
            Err(format!(
                "no test looked at these; delete them:\n{}",
                unused.join("\n")
            ))
        }
    }
}

/// Those of the files that are not in the list, one path a line, however a path is written.
fn unused<'f>(list: &str, there: &'f BTreeSet<PathBuf>) -> Vec<&'f PathBuf> {
    let used: BTreeSet<PathBuf> = list
        .lines()
        .filter_map(|line| fs::canonicalize(line).ok())
        .collect();
    there
        .iter()
        .filter(|path| !fs::canonicalize(path).is_ok_and(|path| used.contains(&path)))
        .collect()
}

/// All `*.snap` files below a folder, and all `*.snap.new`, which no test may leave behind.
fn find(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), Problem> {
    let unreadable = |error| format!("{} cannot be read: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if name != "target" && name != "node_modules" {
                find(&path, found)?;
            }
        } else if name.ends_with(".snap") || name.ends_with(".snap.new") {
            found.insert(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_no_test_looked_at_is_found() {
        let folder = std::env::temp_dir().join(format!("kasse-snapshots-{}", std::process::id()));
        let inner = folder.join("a/snapshots");
        fs::create_dir_all(&inner).unwrap();
        for name in ["used.snap", "unused.snap", "left.snap.new", "other.txt"] {
            fs::write(inner.join(name), "").unwrap();
        }
        let mut there = BTreeSet::new();
        find(&folder, &mut there).unwrap();
        // insta writes the paths as the compiler saw them: with steps back.
        let list = format!("{}\n", inner.join("../snapshots/used.snap").display());
        let names: Vec<_> = unused(&list, &there)
            .iter()
            .map(|path| path.file_name().unwrap())
            .collect();
        assert_eq!(names, ["left.snap.new", "unused.snap"]);
        fs::remove_dir_all(folder).unwrap();
    }
}
