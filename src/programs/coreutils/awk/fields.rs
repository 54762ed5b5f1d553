//! A record and its fields.

use super::{
    interpret::{Awk, CONVFMT, End, FS, MAX_FIELDS, OFS, RS},
    value::Value,
};

impl Awk {
    pub fn set_record(&mut self, text: &str) {
        self.record = Some(text.into());
        self.fields = None;
    }

    pub(super) fn split_record(&mut self) {
        if self.fields.is_none() {
            let record = self.record.clone().unwrap_or_else(|| "".into());
            let separator = self.known(FS);
            let mut fields: Vec<Value> = match self.pieces(&record, &separator, true) {
                Ok(pieces) => pieces.iter().map(|piece| Value::input(piece)).collect(),
                Err(_) => vec![Value::Input(record)],
            };
            fields.truncate(MAX_FIELDS);
            self.fields = Some(fields);
        }
    }

    /// Splits by a separator as FS has it. In a paragraph newlines separate too.
    pub fn pieces(&mut self, text: &str, separator: &str, is_record: bool) -> Result<Vec<String>, End> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let paragraph = is_record && self.known(RS).is_empty();
        let owned = |parts: &mut dyn Iterator<Item = &str>| parts.map(str::to_string).collect();
        let mut chars = separator.chars();
        Ok(match (chars.next(), chars.next()) {
            (None, _) => text.chars().map(String::from).collect(),
            (Some(' '), None) => owned(&mut text.split([' ', '\t', '\n']).filter(|piece| !piece.is_empty())),
            (Some(c), None) if c != '\\' => owned(&mut text.split(|own| own == c || (paragraph && own == '\n'))),
            _ => {
                let regex = self.regex_of(separator)?;
                owned(&mut regex.split(text))
            }
        })
    }

    pub fn field(&mut self, index: usize) -> Value {
        if index == 0 {
            if let Some(record) = &self.record {
                return Value::Input(record.clone());
            }
            let (separator, format) = (self.known(OFS), self.known(CONVFMT));
            let fields = self.fields.as_deref().unwrap_or_default();
            let text =
                fields.iter().map(|field| field.string(&format).to_string()).collect::<Vec<_>>().join(&separator);
            self.record = Some(text.as_str().into());
            return Value::input(&text);
        }
        self.split_record();
        self.fields.as_deref().and_then(|fields| fields.get(index - 1)).cloned().unwrap_or_default()
    }

    pub(super) fn set_field(&mut self, index: usize, value: Value) -> Result<(), End> {
        if index == 0 {
            let text = value.string(&self.known(CONVFMT));
            self.set_record(&text);
            return Ok(());
        }
        if index > MAX_FIELDS {
            return Err(End::Error(format!("field index {index} is too large")));
        }
        self.split_record();
        if let Some(fields) = &mut self.fields {
            if fields.len() < index {
                fields.resize(index, Value::Unset);
            }
            fields[index - 1] = value;
        }
        self.record = None;
        Ok(())
    }

    pub(super) fn index_of(value: &Value) -> Result<usize, End> {
        let number = value.number();
        if number < 0.0 {
            return Err(End::Error(format!("attempt to access field {number}")));
        }
        Ok(number as usize)
    }
}
