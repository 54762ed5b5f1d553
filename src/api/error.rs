//! What the apiserver answers when it refuses: a `metav1.Status`.

use std::fmt;

use super::object::Kind;

/// `StatusReason`s of apimachinery (`pkg/apis/meta/v1/types.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    BadRequest,
    Forbidden,
    NotFound,
    AlreadyExists,
    Conflict,
    Gone,
    Expired,
    Invalid,
    MethodNotAllowed,
    NotAcceptable,
    UnsupportedMediaType,
    TooManyRequests,
    InternalError,
    ServiceUnavailable,
    Timeout,
    RequestEntityTooLarge,
    Unknown,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Reason::BadRequest => "BadRequest",
            Reason::Forbidden => "Forbidden",
            Reason::NotFound => "NotFound",
            Reason::AlreadyExists => "AlreadyExists",
            Reason::Conflict => "Conflict",
            Reason::Gone => "Gone",
            Reason::Expired => "Expired",
            Reason::Invalid => "Invalid",
            Reason::MethodNotAllowed => "MethodNotAllowed",
            Reason::NotAcceptable => "NotAcceptable",
            Reason::UnsupportedMediaType => "UnsupportedMediaType",
            Reason::TooManyRequests => "TooManyRequests",
            Reason::InternalError => "InternalError",
            Reason::ServiceUnavailable => "ServiceUnavailable",
            Reason::Timeout => "Timeout",
            Reason::RequestEntityTooLarge => "RequestEntityTooLarge",
            Reason::Unknown => "",
        }
    }

    /// The HTTP status code.
    pub fn code(self) -> u16 {
        match self {
            Reason::BadRequest => 400,
            Reason::Forbidden => 403,
            Reason::NotFound => 404,
            Reason::MethodNotAllowed => 405,
            Reason::NotAcceptable => 406,
            Reason::AlreadyExists | Reason::Conflict => 409,
            Reason::Gone | Reason::Expired => 410,
            Reason::RequestEntityTooLarge => 413,
            Reason::UnsupportedMediaType => 415,
            Reason::Invalid => 422,
            Reason::TooManyRequests => 429,
            Reason::InternalError | Reason::Unknown => 500,
            Reason::ServiceUnavailable => 503,
            Reason::Timeout => 504,
        }
    }
}

/// One field's fault (`metav1.StatusCause`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `FieldValueRequired`, `FieldValueInvalid`, …
    pub reason: String,
    pub message: String,
    /// `spec.containers[0].image`
    pub field: String,
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub reason: Reason,
    /// The whole message: `pods "web" not found`.
    pub message: String,
    /// What the request was about, as in `status.details`: kind (resource or Kind), name.
    pub kind: String,
    pub name: String,
    pub causes: Vec<Cause>,
    pub retry_after: Option<u32>,
    /// `Warning:` headers of the answer; boxed as there are hardly ever any.
    pub warnings: Option<Box<Warned>>,
}

/// What a refused request was warned of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warned(pub Vec<String>);

impl Error {
    pub fn new(reason: Reason, message: impl Into<String>) -> Error {
        Error {
            reason,
            message: message.into(),
            kind: String::new(),
            name: String::new(),
            causes: Vec::new(),
            retry_after: None,
            warnings: None,
        }
    }

    pub fn warned(mut self, warnings: Vec<String>) -> Error {
        if !warnings.is_empty() {
            self.warnings = Some(Box::new(Warned(warnings)));
        }
        self
    }

    fn about(mut self, kind: impl Into<String>, name: &str) -> Error {
        self.kind = kind.into();
        self.name = name.into();
        self
    }

    pub fn bad_request(message: impl Into<String>) -> Error {
        Error::new(Reason::BadRequest, message)
    }

    pub fn internal(message: impl fmt::Display) -> Error {
        Error::new(Reason::InternalError, format!("Internal error occurred: {message}"))
    }

    pub fn not_found(kind: Kind, name: &str) -> Error {
        Error::new(Reason::NotFound, format!("{} \"{name}\" not found", kind.qualified())).about(kind.plural(), name)
    }

    pub fn already_exists(kind: Kind, name: &str) -> Error {
        Error::new(Reason::AlreadyExists, format!("{} \"{name}\" already exists", kind.qualified()))
            .about(kind.plural(), name)
    }

    pub fn conflict(kind: Kind, name: &str, why: impl fmt::Display) -> Error {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Error::new(Reason::Conflict, message).about(kind.plural(), name)
    }

    pub fn forbidden(kind: Kind, name: &str, why: impl fmt::Display) -> Error {
        let message = if name.is_empty() {
            format!("{} is forbidden: {why}", kind.qualified())
        } else {
            format!("{} \"{name}\" is forbidden: {why}", kind.qualified())
        };
        Error::new(Reason::Forbidden, message).about(kind.plural(), name)
    }

    /// `Pod "web" is invalid: …`: one cause plain, several as `[a, b]`.
    pub fn invalid(kind: Kind, name: &str, causes: Vec<Cause>) -> Error {
        let texts: Vec<String> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
        let all = if texts.len() == 1 { texts.concat() } else { format!("[{}]", texts.join(", ")) };
        let qualified =
            if kind.group().is_empty() { kind.name().to_string() } else { format!("{}.{}", kind.name(), kind.group()) };
        let mut error =
            Error::new(Reason::Invalid, format!("{qualified} \"{name}\" is invalid: {all}")).about(kind.name(), name);
        error.causes = causes;
        error
    }

    pub fn is_not_found(&self) -> bool {
        self.reason == Reason::NotFound
    }

    pub fn is_conflict(&self) -> bool {
        self.reason == Reason::Conflict
    }

    pub fn is_already_exists(&self) -> bool {
        self.reason == Reason::AlreadyExists
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
