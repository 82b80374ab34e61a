//! `--format TEMPLATE`: fields put into text, and nothing else of Go's templates.

use super::row::{FIELDS, Row, aligned};
use crate::error::{self, Error};
use crate::ui::shown;

/// A template, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
    /// `table …`: a header, and columns for what tabs separate.
    table: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(&'static str),
}

impl Template {
    /// Reads `{{.Name}}\t{{.Left}}`.
    ///
    /// # Errors
    /// A field that is none, or braces that do not close.
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let table = text.strip_prefix("table ");
        let mut rest = table.unwrap_or(text);
        let mut parts = Vec::new();
        while let Some((before, behind)) = rest.split_once("{{") {
            let wrong = |problem: String| {
                Error::new(format!("`--format`: {problem}; the fields are {}", FIELDS.join(", ")))
                    .code(error::USAGE)
                    .hint("for example:", "--format='{{.Name}} {{.Left}}'")
            };
            let (inside, after) =
                behind.split_once("}}").ok_or_else(|| wrong(format!("{} has no `}}}}`", shown(behind))))?;
            let name = inside.trim().strip_prefix('.').unwrap_or_default();
            let field = FIELDS.into_iter().find(|field| *field == name);
            parts.push(Part::Text(unescaped(before)));
            parts.push(Part::Field(
                field.ok_or_else(|| wrong(format!("{} is no field", shown(format!("{{{{{inside}}}}}")))))?,
            ));
            rest = after;
        }
        parts.push(Part::Text(unescaped(rest)));
        Ok(Self { parts, table: table.is_some() })
    }

    /// A line for each row.
    pub(super) fn fill(&self, rows: &[Row]) -> String {
        let line = |value: &dyn Fn(&'static str) -> String| -> String {
            let part = |part: &Part| match part {
                Part::Text(text) => text.clone(),
                Part::Field(name) => value(name),
            };
            self.parts.iter().map(part).collect()
        };
        let filled = rows.iter().map(|row| line(&|name| row.field(name)));
        if !self.table {
            return filled.map(|line| line + "\n").collect();
        }
        let header =
            line(&|name| if name == "ID" { "CONTAINER ID".into() } else { name.to_ascii_uppercase() });
        let lines = std::iter::once(header).chain(filled);
        let cells = lines.map(|line| line.split('\t').map(str::to_owned).collect());
        aligned(&cells.collect::<Vec<_>>())
    }
}

/// Shells hand `\t` on as it is typed, and Docker takes it for a tab.
fn unescaped(text: &str) -> String {
    text.replace(r"\t", "\t").replace(r"\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_put_into_text() {
        let template = Template::read(r"{{.Name}}\t{{ .Left }}!").unwrap();
        let parts = [
            Part::Text(String::new()),
            Part::Field("Name"),
            Part::Text("\t".into()),
            Part::Field("Left"),
            Part::Text("!".into()),
        ];
        assert_eq!(template, Template { parts: parts.into(), table: false });
        assert!(Template::read("table {{.ID}}").unwrap().table);
    }

    #[test]
    fn everything_else_of_gos_templates_is_an_error_that_lists_the_fields() {
        for wrong in ["{{.Nme}}", "{{.Name", "{{Name}}", "{{upper .Name}}", "{{}}", "{{json .Name}}"] {
            let said = Template::read(wrong).unwrap_err().to_string();
            assert!(said.contains("ID, Name, Kind"), "{said}");
        }
    }
}
