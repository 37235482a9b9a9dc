// The part of the ONNX protobuf schema that our writer fills in, as a protobufjs descriptor. Field numbers and
// enum values are those of `onnx.proto`; they are the file format, so they never change.

import protobuf from "protobufjs";

/** ONNX `TensorProto.DataType`, by the Open Inference Protocol's name of the datatype. */
export const ONNX_DATATYPES = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
  BF16: 16,
} as const;

/** ONNX `AttributeProto.AttributeType`. */
export const ATTRIBUTE_TYPES = { float: 1, int: 2, text: 3, tensor: 4, floats: 6, ints: 7 } as const;

/** ONNX `TensorProto.DataLocation` of a tensor whose bytes are in a file beside the model. */
export const DATA_LOCATION_EXTERNAL = 1;

function one(id: number, type: string): protobuf.IField {
  return { id, type };
}

function many(id: number, type: string): protobuf.IField {
  return { id, type, rule: "repeated" };
}

const schema = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: one(1, "int64"),
        producerName: one(2, "string"),
        graph: one(7, "GraphProto"),
        opsetImport: many(8, "OperatorSetIdProto"),
      },
    },
    OperatorSetIdProto: { fields: { domain: one(1, "string"), version: one(2, "int64") } },
    GraphProto: {
      fields: {
        node: many(1, "NodeProto"),
        name: one(2, "string"),
        initializer: many(5, "TensorProto"),
        input: many(11, "ValueInfoProto"),
        output: many(12, "ValueInfoProto"),
      },
    },
    NodeProto: {
      fields: {
        input: many(1, "string"),
        output: many(2, "string"),
        name: one(3, "string"),
        opType: one(4, "string"),
        attribute: many(5, "AttributeProto"),
        domain: one(7, "string"),
      },
    },
    AttributeProto: {
      fields: {
        name: one(1, "string"),
        f: one(2, "float"),
        i: one(3, "int64"),
        s: one(4, "bytes"),
        t: one(5, "TensorProto"),
        floats: many(7, "float"),
        ints: many(8, "int64"),
        type: one(20, "int32"),
      },
    },
    TensorProto: {
      fields: {
        dims: many(1, "int64"),
        dataType: one(2, "int32"),
        stringData: many(6, "bytes"),
        name: one(8, "string"),
        rawData: one(9, "bytes"),
        externalData: many(13, "StringStringEntryProto"),
        dataLocation: one(14, "int32"),
      },
    },
    StringStringEntryProto: { fields: { key: one(1, "string"), value: one(2, "string") } },
    ValueInfoProto: { fields: { name: one(1, "string"), type: one(2, "TypeProto") } },
    TypeProto: { fields: { tensorType: one(1, "TensorTypeProto") } },
    TensorTypeProto: { fields: { elemType: one(1, "int32"), shape: one(2, "TensorShapeProto") } },
    TensorShapeProto: { fields: { dim: many(1, "DimensionProto") } },
    DimensionProto: { fields: { dimValue: one(1, "int64"), dimParam: one(2, "string") } },
  },
});

/** The root message of an `.onnx` file. */
export const modelProto: protobuf.Type = schema.lookupType("ModelProto");
