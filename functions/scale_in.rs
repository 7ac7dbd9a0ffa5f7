//! Every minute: ends surplus Jibris, and replaces instances that are of no use.

use jibri_autoscaler::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(Function::ScaleIn).await
}
