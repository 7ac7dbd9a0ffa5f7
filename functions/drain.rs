//! On the lifecycle event and every minute: drains the instances that the hook holds.

use jibri_autoscaler::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(Function::Drain).await
}
