"""Holds the bytes of an answer against botocore's model of its service, which AWS itself publishes.

boto3 reads past what it does not know and does not miss what is not there. Here both are violations.
"""

import json
import re
from datetime import datetime
from xml.etree import ElementTree

import cbor2

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
XML_SCALARS = {
    "boolean": re.compile("true|false"),
    "integer": re.compile(r"-?\d+"),
    "long": re.compile(r"-?\d+"),
    "double": re.compile(r"-?\d+(\.\d+)?"),
    "timestamp": TIMESTAMP,
}
JSON_SCALARS = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
    "timestamp": (int, float),
}
# A moment has a tag of its own.
CBOR_SCALARS = {**JSON_SCALARS, "timestamp": datetime}


class ContractViolation(AssertionError):
    """An answer that AWS's model does not allow."""


def check(operation_model, response_dict, **_):
    """A handler of botocore's event `before-parse`: it sees every answer as it came."""
    protocol = operation_model.service_model.resolved_protocol
    status, body, headers = (response_dict[part] for part in ("status_code", "body", "headers"))
    require(UUID.fullmatch(headers.get("x-amzn-requestid", "")), "the request id is missing")
    check_answer = {"query": check_query, "ec2": check_ec2, "json": check_json, "smithy-rpc-v2-cbor": check_cbor}
    check_answer[protocol](operation_model, status, body, headers)


def require(holds, complaint):
    if not holds:
        raise ContractViolation(complaint)


def check_query(operation_model, status, body, headers):
    require(headers.get("content-type") == "text/xml", headers.get("content-type"))
    namespace = operation_model.service_model.metadata["xmlNamespace"]
    if status >= 300:
        root = parse_xml(body, "ErrorResponse", namespace)
        (error, request_id) = children(root, "Error", "RequestId")
        kind, code, message = children(error, "Type", "Code", "Message")
        require(kind.text == ("Sender" if status < 500 else "Receiver"), f"Type is {kind.text}")
        return check_error(operation_model, status, code.text, message.text)
    root = parse_xml(body, f"{operation_model.name}Response", namespace)
    shape = operation_model.output_shape
    if shape is None:
        (metadata,) = children(root, "ResponseMetadata")
    else:
        result, metadata = children(root, shape.serialization["resultWrapper"], "ResponseMetadata")
        check_xml(result, shape, result.tag)
    children(metadata, "RequestId")


def check_ec2(operation_model, status, body, headers):
    require(headers.get("content-type") == "text/xml", headers.get("content-type"))
    if status >= 300:
        errors, _ = children(parse_xml(body, "Response"), "Errors", "RequestID")
        (error,) = children(errors, "Error")
        code, message = children(error, "Code", "Message")
        return check_error(operation_model, status, code.text, message.text)
    namespace = operation_model.service_model.metadata["xmlNamespace"] + "/"
    root = parse_xml(body, f"{operation_model.name}Response", namespace)
    root.remove(root.find("requestId"))
    if operation_model.output_shape is None:
        # The model does not know it, but AWS's reference does: every action without an output returns true.
        (returned,) = children(root, "return")
        return require(returned.text == "true", f"return is {returned.text}")
    check_xml(root, operation_model.output_shape, root.tag)


def check_json(operation_model, status, body, headers):
    metadata = operation_model.service_model.metadata
    content_type = headers.get("content-type")
    require(content_type == f"application/x-amz-json-{metadata['jsonVersion']}", content_type)
    answer = json.loads(body)
    if status >= 300:
        return check_error_structure(operation_model, status, answer, headers)
    if operation_model.output_shape is None:
        return require(answer == {}, f"{answer} where the model has no output")
    check_value(answer, operation_model.output_shape, operation_model.name)


def check_cbor(operation_model, status, body, headers):
    require(headers.get("smithy-protocol") == "rpc-v2-cbor", "the protocol is not named")
    if status >= 300:
        require(headers.get("content-type") == "application/cbor", headers.get("content-type"))
        return check_error_structure(operation_model, status, cbor2.loads(body), headers)
    if operation_model.output_shape is None:
        return require(not body and "content-type" not in headers, f"{body} where the model has no output")
    check_value(cbor2.loads(body), operation_model.output_shape, operation_model.name, CBOR_SCALARS)


def parse_xml(body, name, namespace=""):
    root = ElementTree.fromstring(body)
    expected = f"{{{namespace}}}{name}" if namespace else name
    require(root.tag == expected, f"{root.tag} instead of {expected}")
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{namespace}}}")
    return root


def children(element, *names):
    """The children of an element, which are exactly these, in this order."""
    found = tuple(child.tag for child in element)
    require(found == names, f"{element.tag} has {found} instead of {names}")
    return tuple(element)


def check_xml(element, shape, path):
    """An element against a shape, and everything in it."""
    if shape.type_name == "structure":
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        check_members(path, shape, [names.get(child.tag, f"?{child.tag}") for child in element])
        for child in element:
            check_xml(child, shape.members[names[child.tag]], f"{path}.{child.tag}")
    elif shape.type_name == "list":
        name = shape.member.serialization.get("name", "member")
        for child in element:
            require(child.tag == name, f"{path} has <{child.tag}> instead of <{name}>")
            check_xml(child, shape.member, f"{path}[]")
    else:
        require(len(element) == 0, f"{path} has elements inside")
        text = element.text or ""
        pattern = XML_SCALARS.get(shape.type_name)
        require(pattern is None or pattern.fullmatch(text), f"{path} is {text!r}, which is no {shape.type_name}")
        check_text(text, shape, path)


def check_value(value, shape, path, scalars=JSON_SCALARS):
    """A value of JSON or CBOR against a shape, and everything in it."""
    if shape.type_name == "structure":
        require(isinstance(value, dict), f"{path} is {value!r}, which is no structure")
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        check_members(path, shape, [names.get(name, f"?{name}") for name in value])
        for name, member in value.items():
            check_value(member, shape.members[names[name]], f"{path}.{name}", scalars)
    elif shape.type_name == "list":
        require(isinstance(value, list), f"{path} is {value!r}, which is no list")
        for member in value:
            check_value(member, shape.member, f"{path}[]", scalars)
    elif shape.type_name == "map":
        require(isinstance(value, dict), f"{path} is {value!r}, which is no map")
        for member in value.values():
            check_value(member, shape.value, f"{path}{{}}", scalars)
    else:
        is_right = isinstance(value, scalars[shape.type_name])
        # To Python, a truth is a number too.
        is_right = is_right and (shape.type_name == "boolean" or not isinstance(value, bool))
        require(is_right, f"{path} is {value!r}, which is no {shape.type_name}")
        check_text(str(value), shape, path)


def check_members(path, shape, names):
    unknown = [name.removeprefix("?") for name in names if name.startswith("?")]
    require(not unknown, f"{path} has {unknown}, which the model of {shape.name} does not know")
    require(len(names) == len(set(names)), f"{path} has a member twice: {names}")
    missing = set(shape.required_members) - set(names)
    require(not missing, f"{path} lacks {sorted(missing)}, which the model of {shape.name} requires")


def check_text(text, shape, path):
    if shape.type_name == "string":
        require(not shape.enum or text in shape.enum, f"{path} is {text!r}, which is none of {shape.enum}")
        shortest, longest = shape.metadata.get("min", 0), shape.metadata.get("max", len(text))
        require(shortest <= len(text) <= longest, f"{path} is {text!r}, not {shortest} to {longest} characters long")


def check_error_structure(operation_model, status, answer, headers):
    """An error of the protocols in which errors are structures with names."""
    require(isinstance(answer, dict) and isinstance(answer.get("__type"), str), f"{answer} names no error")
    name = answer["__type"].rsplit("#", 1)[-1]
    message_members = [member for member in answer if member != "__type"]
    known = {shape.name: shape for shape in operation_model.error_shapes}
    members = known[name].members if name in known else ()
    expected = [member for member in members if member.lower() == "message"] or ["message"]
    require(message_members == expected, f"{name} has {message_members} instead of {expected}")
    code = known[name].error_code if name in known else name
    if "awsQueryCompatible" in operation_model.service_model.metadata:
        code, _, fault = headers.get("x-amzn-query-error", "").partition(";")
        require(fault == ("Sender" if status < 500 else "Receiver"), f"{fault} is at fault")
        require(name not in known or code == known[name].error_code, f"{name} is {code} in the query protocol")
    check_error(operation_model, status, code, answer[message_members[0]])


def check_error(operation_model, status, code, message):
    require(code and message, f"an error without code or message: {code}, {message}")
    for shape in operation_model.error_shapes:
        require(code != shape.name or shape.error_code == code, f"{code} is {shape.error_code} on the wire")
        if code == shape.error_code:
            expected = shape.metadata.get("error", {}).get("httpStatusCode", 400)
            require(status == expected, f"{code} comes with {status} instead of {expected}")
