//! What a command that may write changes on the host, with real engines: the host is compared before and after, and the host's
//! git is watched for programs that it starts.

mod attacks;
mod daily;
mod ends;
mod files;
mod hostile;
mod identity;
mod killed;
mod project;
mod sequences;
mod together;

use project::{Project, Run};
