//! Looking without touching: values that print as text or JSON. No store is opened here, no value
//! read, no socket made.

pub(crate) mod check;
pub(crate) mod doctor;
mod lint;
pub(crate) mod plan;
pub(crate) mod stores;

use crate::diag::printable;
use std::fmt::Write as _;

/// Lines of cells, each column as wide as its widest cell.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }

    fn print(&self, out: &mut String) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell: &String| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:width$}  ");
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
}

/// Pretty enough to read, one line's end for the shell.
fn json(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
