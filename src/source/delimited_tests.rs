//! Tests of CSV and TSV reading.

use super::*;

/// What reading `text` gives, row by row: `line: a|b|c`, or `line! reason`.
fn read_all(text: &[u8], delimiter: u8) -> Vec<String> {
    let lines = Lines::new(Box::new(std::io::Cursor::new(text.to_vec())), b'\n');
    let mut reader = DelimitedReader::open(Path::new("test.csv"), lines, delimiter, false).unwrap();
    let mut seen = vec![reader.columns().join("|")];
    loop {
        match reader.read().unwrap() {
            ReadRow::Row(row) => {
                let cells: Vec<_> = row.cells.iter().map(Cell::display).collect();
                seen.push(format!("{}: {}", row.line, cells.join("|")));
            }
            ReadRow::Bad(bad) => seen.push(format!("{}! {}", bad.line, bad.reason)),
            ReadRow::End => return seen,
        }
    }
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(read_all(text.as_bytes(), b','), expected, "{text:?}");
}

#[test]
fn rows_are_split_and_numbered_by_line() {
    check("id,name\n1,A\n2,B", &["id|name", "2: 1|A", "3: 2|B"]);
    check("id,name\r\n1,A\r\n\r\n2,B\r\n", &["id|name", "2: 1|A", "4: 2|B"]);
    check("id,name\n1,\"A, \"\"B\"\"\"\n", &["id|name", "2: 1|A, \"B\""]);
    check("id,name\n1,5\" single\n", &["id|name", "2: 1|5\" single"]);
    check("id,name\n1,\n", &["id|name", "2: 1|"]);
    check("id,name\n1,a\rb\n", &["id|name", "2: 1|a\rb"]);
    assert_eq!(read_all(b"id\tname\n1\tA, B\n", b'\t'), ["id|name", "2: 1|A, B"]);
}

#[test]
fn quoted_fields_span_lines() {
    check("id,name\n1,\"A\nB\"\n2,C\n", &["id|name", "2: 1|A\nB", "4: 2|C"]);
    check("id,name\n1,\"A\r\n\r\nB\"\r\n2,C", &["id|name", "2: 1|A\r\n\r\nB", "5: 2|C"]);
    check("id,\"na\nme\"\n1,C\n", &["id|na\nme", "3: 1|C"]);
}

#[test]
fn a_quote_that_is_never_closed_costs_its_own_line_only() {
    let unclosed = format!("3! {UNCLOSED}");
    check("id,name\n1,A\n2,\"B\n3,C\n4,D\n", &["id|name", "2: 1|A", &unclosed, "4: 3|C", "5: 4|D"]);
    // The next quote would close it, and the row would have too many columns.
    check("id,name\n1,A\n2,\"B\n3,\"C\"\n4,D", &["id|name", "2: 1|A", &unclosed, "4: 3|C", "5: 4|D"]);
    check("id,name\n1,A\n2,\"B", &["id|name", "2: 1|A", &unclosed]);
    let many: String = (0..40_000).map(|i| format!("{i},name\n")).collect();
    let rows = read_all(format!("id,name\nx,\"y\n{many}").as_bytes(), b',');
    assert_eq!(rows.len(), 40_002);
    assert_eq!(rows[40_001], "40002: 39999|name");
}

#[test]
fn rows_with_another_number_of_columns_are_refused() {
    check(
        "id,name\n1\n1,2,3\n4,D\n",
        &[
            "id|name",
            "2! the row has 1 columns, the header has 2",
            "3! the row has 3 columns, the header has 2",
            "4: 4|D",
        ],
    );
}

#[test]
fn refused_rows_keep_every_field() {
    let lines = Lines::new(Box::new(&b"id,name\n1,2,3,4\n\xffa,b\n"[..]), b'\n');
    let mut reader = DelimitedReader::open(Path::new("test.csv"), lines, b',', false).unwrap();
    let ReadRow::Bad(bad) = reader.read().unwrap() else { panic!("accepted") };
    assert_eq!(
        serde_json::json!(bad.row),
        serde_json::json!({"id": "1", "name": "2", "(further fields)": ["3", "4"]})
    );
    let ReadRow::Bad(bad) = reader.read().unwrap() else { panic!("accepted") };
    assert_eq!((bad.field.as_deref(), bad.reason.as_str(), bad.line), (Some("id"), "not UTF-8 text", 3));
    assert_eq!(serde_json::json!(bad.row), serde_json::json!({"id": "\u{fffd}a", "name": "b"}));
}

#[test]
fn a_character_split_between_fields_is_not_utf8() {
    let rows = read_all(b"id,name\n\xc3,\xa9\n", b',');
    assert_eq!(rows[1], "2! not UTF-8 text");
}

#[test]
fn many_and_long_fields_fit() {
    let header: Vec<_> = (0..500).map(|i| format!("c{i}")).collect();
    let long = "x".repeat(100_000);
    let mut fields = vec!["1"; 499];
    fields.push(&long);
    let rows = read_all(format!("{}\n{}\n", header.join(","), fields.join(",")).as_bytes(), b',');
    assert!(rows[1].ends_with(&long));
    assert_eq!(rows[1].split('|').count(), 500);
}

#[test]
fn columns_get_names_of_their_own() {
    assert_eq!(
        unique_names([" id ", "", "id", "x", "id"].into_iter()),
        ["id", "column_2", "id.1", "x", "id.2"]
    );
}
