//! Descriptions are Markdown: as plain text, for lists, the search index and the terminal.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Longer texts are cut before they are read, in bytes.
const MOST_BYTES: usize = 64 << 10;
/// Longest line of meaning, in characters.
const LONGEST_LINE: usize = 220;
/// Letters that may be a mark; a text without any needs no parser.
const MARKS: [char; 11] = ['*', '`', '[', '<', '#', '\\', '&', '~', '|', '>', '\n'];

/// All the words of a Markdown text on one line, without any marks.
pub(super) fn plain_text(markdown: &str) -> String {
    read(markdown, usize::MAX)
}

/// The first line of meaning in a Markdown text, without any marks and not overly long.
pub fn first_line(markdown: &str) -> String {
    let line = read(markdown, 1);
    if line.chars().count() <= LONGEST_LINE {
        return line;
    }
    line.chars().take(LONGEST_LINE - 1).chain(['…']).collect()
}

/// The first `blocks` paragraphs, headings, entries or rows.
fn read(markdown: &str, blocks: usize) -> String {
    let markdown = markdown.get(..markdown.floor_char_boundary(MOST_BYTES)).unwrap_or(markdown).trim();
    if is_plain(markdown) {
        return one_line(markdown);
    }
    let mut text = String::new();
    let mut left = blocks;
    let mut is_code = false;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            // A block of code is no line of meaning.
            Event::Start(Tag::CodeBlock(_)) => is_code = blocks == 1,
            Event::Text(piece) | Event::Code(piece) if !is_code => text.push_str(&piece),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            Event::End(TagEnd::CodeBlock) => is_code = false,
            Event::End(
                TagEnd::Paragraph | TagEnd::Item | TagEnd::Heading(_) | TagEnd::TableCell | TagEnd::TableRow | TagEnd::TableHead,
            ) => {
                left -= usize::from(!text.trim().is_empty());
                if left == 0 {
                    break;
                }
                text.push(' ');
            }
            _ => {}
        }
    }
    one_line(&text)
}

fn is_plain(text: &str) -> bool {
    let may_be_a_list = text.starts_with(|first: char| first.is_ascii_digit() || "-+_=".contains(first));
    !may_be_a_list && !text.contains(MARKS) && !text.contains(" _")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{first_line, plain_text};

    #[test]
    fn a_meaning_is_the_first_block_on_one_line_without_marks() {
        for (markdown, line) in [
            ("# Churn\n\nOne *row* per `month`.", "Churn"),
            ("One *row* per\n`month`.\n\nMore.", "One row per month."),
            ("- **a** of [b](https://c.example)\n- d", "a of b"),
            ("```sql\nselect 1\n```\nAfter it.", "After it."),
            ("a_b of 2 * 3", "a_b of 2 * 3"),
            ("", ""),
        ] {
            assert_eq!(first_line(markdown), line);
        }
        assert_eq!(first_line(&"long ".repeat(100)).chars().count(), 220);
    }

    #[test]
    fn the_whole_text_keeps_every_word() {
        assert_eq!(plain_text("# A\n\nb **c**\n\n```\nd\n```\n\n|e|f|\n|-|-|\n|g|h|"), "A b c d e f g h");
    }
}
