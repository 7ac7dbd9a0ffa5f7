//! What the stack's template puts on an instance, word for word: the SSM documents and the finalize script.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, bail};
use saphyr::{LoadableYamlNode, Yaml};

/// A deployed template, as far as an instance knows it.
#[derive(Debug)]
pub(crate) struct Stack {
    documents: BTreeMap<String, Document>,
    /// `instance/finalize.sh`, as user data would write it.
    pub(crate) finalize_script: String,
}

/// A Command document of one `aws:runShellScript` step.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html#aws-runShellScript>
#[derive(Debug)]
pub(crate) struct Document {
    /// Its lines, as the agent gives them to the shell.
    pub(crate) script: String,
    /// The parameters that a command may set.
    pub(crate) parameters: BTreeSet<String>,
}

impl Stack {
    /// Reads a template as it would be deployed under this name.
    pub(crate) fn read(path: &Path, stack_name: &str) -> anyhow::Result<Stack> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Stack::parse(&text, stack_name).with_context(|| format!("cannot use {}", path.display()))
    }

    fn parse(text: &str, stack_name: &str) -> anyhow::Result<Stack> {
        let pages = Yaml::load_from_str(text)?;
        let template = Template { root: pages.first().context("it is empty")?, stack_name };
        let mut documents = BTreeMap::new();
        for resource in children(member(template.root, "Resources")?)? {
            if text_of(member(resource, "Type")?)? == "AWS::SSM::Document" {
                let properties = member(resource, "Properties")?;
                let name = template.resolve(member(properties, "Name")?)?;
                documents.insert(name, template.document(member(properties, "Content")?)?);
            }
        }
        let finalize_script = template.find_in_map(&["InstanceFiles", "Finalize", "Text"])?.to_owned();
        Ok(Stack { documents, finalize_script })
    }

    /// The document of this name.
    pub(crate) fn document(&self, name: &str) -> Option<&Document> {
        self.documents.get(name)
    }
}

struct Template<'a> {
    root: &'a Yaml<'a>,
    stack_name: &'a str,
}

impl Template<'_> {
    fn document(&self, content: &Yaml) -> anyhow::Result<Document> {
        let parameters = member(content, "parameters")?.as_mapping().context("`parameters` is no mapping")?;
        let [step] = member(content, "mainSteps")?.as_sequence().context("`mainSteps` is no list")?.as_slice() else {
            bail!("a document has one step here");
        };
        let action = text_of(member(step, "action")?)?;
        anyhow::ensure!(action == "aws:runShellScript", "the step's action is {action}; known is aws:runShellScript");
        let lines = member(member(step, "inputs")?, "runCommand")?.as_sequence().context("`runCommand` is no list")?;
        let lines = lines.iter().map(|line| self.resolve(line)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Document {
            script: lines.join("\n"),
            parameters: parameters.keys().filter_map(Yaml::as_str).map(str::to_owned).collect(),
        })
    }

    /// A text with CloudFormation's functions replaced by what they give.
    fn resolve(&self, node: &Yaml) -> anyhow::Result<String> {
        let Yaml::Tagged(tag, node) = node else {
            return Ok(text_of(node)?.to_owned());
        };
        match tag.suffix.as_str() {
            "Sub" => self.substitute(node),
            "FindInMap" => {
                let keys = node.as_sequence().context("FindInMap takes a list")?;
                let keys = keys.iter().map(text_of).collect::<anyhow::Result<Vec<_>>>()?;
                Ok(self.find_in_map(&keys)?.to_owned())
            }
            other => bail!("the function {other} is not known here"),
        }
    }

    fn substitute(&self, node: &Yaml) -> anyhow::Result<String> {
        let (text, variables) = match node.as_sequence().map(Vec::as_slice) {
            Some([text, variables]) => (text_of(text)?, Some(variables)),
            Some(_) => bail!("Sub takes a text, or a text and its variables"),
            None => (text_of(node)?, None),
        };
        let mut parts = text.split("${");
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').context("a ${ without its }")?;
            let value = match (name, variables.and_then(|variables| variables.as_mapping_get(name))) {
                ("AWS::StackName", _) => Cow::Borrowed(self.stack_name),
                (_, Some(value)) => Cow::Owned(self.resolve(value)?),
                (_, None) => bail!("the variable {name} is not known here"),
            };
            result.push_str(&value);
            result.push_str(rest);
        }
        Ok(result)
    }

    fn find_in_map(&self, keys: &[&str]) -> anyhow::Result<&str> {
        let found = keys.iter().try_fold(member(self.root, "Mappings")?, |node, key| member(node, key))?;
        text_of(found)
    }
}

fn member<'a>(node: &'a Yaml<'a>, key: &str) -> anyhow::Result<&'a Yaml<'a>> {
    node.as_mapping_get(key).with_context(|| format!("there is no `{key}` where one is wanted"))
}

fn children<'a>(node: &'a Yaml<'a>) -> anyhow::Result<impl Iterator<Item = &'a Yaml<'a>>> {
    Ok(node.as_mapping().context("a mapping is wanted")?.values())
}

fn text_of<'a>(node: &'a Yaml<'a>) -> anyhow::Result<&'a str> {
    node.as_str().context("a text is wanted")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Resources:
  Check:
    Type: AWS::SSM::Document
    Properties:
      Name: !Sub ${AWS::StackName}-check
      Content:
        parameters: {executionTimeout: {type: String}}
        mainSteps:
          - action: aws:runShellScript
            inputs:
              runCommand:
                - "cd /"
                - !Sub
                  - |-
                    run <<'END'
                    ${Text}END
                  - Text: !FindInMap [InstanceFiles, Check, Text]
  Other: {Type: AWS::SNS::Topic}
Mappings:
  InstanceFiles:
    Check:
      Text: |
        echo ${HOME}
    Finalize:
      Text: |
        exit 0
"#;

    #[test]
    fn a_document_is_what_cloudformation_would_make_of_it() {
        let stack = Stack::parse(TEMPLATE, "pool").expect("a template");
        let document = stack.document("pool-check").expect("the document");
        assert_eq!(document.script, "cd /\nrun <<'END'\necho ${HOME}\nEND");
        assert!(document.parameters.contains("executionTimeout") && document.parameters.len() == 1);
        assert_eq!(stack.finalize_script, "exit 0\n");
        assert!(stack.document("pool-drain").is_none());
    }

    #[test]
    fn what_is_not_understood_is_an_error_that_names_it() {
        let says = |from: &str, to: &str| {
            format!("{:#}", Stack::parse(&TEMPLATE.replace(from, to), "pool").expect_err("not understood"))
        };
        assert!(says("!FindInMap", "!ImportValue").contains("ImportValue"));
        assert!(says("- Text: !Find", "- Script: !Find").contains("Text"));
        assert!(says("aws:runShellScript", "aws:runPowerShellScript").contains("aws:runPowerShellScript"));
        assert!(says("Finalize:", "Finalise:").contains("Finalize"));
    }
}
