//! Tables for terminals: columns as wide as their longest text, two spaces between.

use std::fmt;

/// A table. Rows that are shorter than the headings are filled up.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    columns: usize,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let columns = headings.len();
        Self {
            rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()],
            columns,
        }
    }

    /// Adds a row. Control characters, which could move the cursor, are replaced.
    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let clean = |cell: T| {
            let plain = |c: char| if c.is_control() { ' ' } else { c };
            cell.as_ref().chars().map(plain).collect::<String>()
        };
        let mut row: Vec<String> = cells.into_iter().take(self.columns).map(clean).collect();
        row.resize(self.columns, String::new());
        self.rows.push(row);
    }

    /// Is there nothing below the headings?
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|c| c.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns).map(width).collect();
        let mut lines = Vec::new();
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            lines.push(cells.join("  ").trim_end().to_owned());
        }
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_aligned_and_nothing_moves_the_cursor() {
        let mut table = Table::new(&["A", "LONG", "C"]);
        table.row(["reference", "x", "ø"]);
        table.row(["\u{1b}[2Jr", "y"]);
        assert_eq!(
            table.to_string(),
            "A          LONG  C\nreference  x     ø\n [2Jr      y"
        );
    }
}
