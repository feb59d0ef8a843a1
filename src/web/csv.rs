//! CSV answers, streamed a row at a time.

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use tokio_stream::StreamExt;

/// Rows that are sent together.
const ROWS_A_CHUNK: usize = 256;

/// `head` and `rows` as the file `name`, made while it is sent.
pub(super) fn attachment<R>(name: &str, head: &[&str], rows: R) -> Response
where
    R: Iterator<Item = Vec<String>> + Send + 'static,
{
    let first = chunk([head.iter().map(|cell| (*cell).to_owned()).collect()]);
    let body = tokio_stream::iter(std::iter::once(first).chain(Chunks { rows })).map(Ok::<_, std::convert::Infallible>);
    download(name, "text/csv; charset=utf-8", Body::from_stream(body))
}

/// `body` as the file `name`.
pub(super) fn download(name: &str, content_type: &'static str, body: impl Into<Body>) -> Response {
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    let disposition = format!("attachment; filename=\"{safe}\"");
    ([(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body.into()).into_response()
}

struct Chunks<R> {
    rows: R,
}

impl<R: Iterator<Item = Vec<String>>> Iterator for Chunks<R> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let rows: Vec<Vec<String>> = self.rows.by_ref().take(ROWS_A_CHUNK).collect();
        (!rows.is_empty()).then(|| chunk(rows))
    }
}

fn chunk(rows: impl IntoIterator<Item = Vec<String>>) -> Bytes {
    let mut out = String::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            push_cell(&mut out, cell);
        }
        out.push_str("\r\n");
    }
    Bytes::from(out)
}

/// Quotes where RFC 4180 asks for it, and keeps spreadsheets from reading a cell as a formula.
fn push_cell(out: &mut String, cell: &str) {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    if formula || cell.contains([',', '"', '\n', '\r']) {
        out.push('"');
        if formula {
            out.push('\'');
        }
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let mut out = String::new();
        for cell in ["plain", "a,b", "say \"x\"", "=1+1", "-5"] {
            push_cell(&mut out, cell);
            out.push('|');
        }
        assert_eq!(out, "plain|\"a,b\"|\"say \"\"x\"\"\"|\"'=1+1\"|-5|");
    }
}
