/*===- dialect.c - attributes, a type, a pipeline on a module -------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include <lowbit-c/Dialect.h>
#include <lowbit-c/Passes.h>
#include <mlir-c/BuiltinTypes.h>
#include <mlir-c/IR.h>
#include <mlir-c/Pass.h>

#include <stdio.h>

static void print(MlirStringRef text, void *unused) {
  (void)unused;
  fwrite(text.data, 1, text.length, stdout);
}

/* What `#lowbit.encoding<...>` and `!lowbit.tensor<...>` are made of. */
static void showTypes(MlirContext context) {
  MlirAttribute encoding = lowbitEncodingAttrGet(
      lowbitUIntAttrGet(context, 4), LowbitZeroPointNone, /*minimum=*/true,
      lowbitPerGroupAttrGet(context, 32), mlirF16TypeGet(context),
      /*permuted=*/false);
  int64_t shape[] = {64, 128};
  MlirAttribute dense = {NULL};
  MlirType type =
      lowbitTensorTypeGet(2, shape, mlirF32TypeGet(context), encoding, dense);
  mlirTypePrint(type, print, NULL);
  printf(
      ": %lld bytes, %u bits a code\n",
      (long long)lowbitTensorTypeGetStoredBytes(type),
      lowbitElementFormatGetCodeBits(lowbitEncodingAttrGetElement(encoding)));
  /* The verifier's diagnostic goes to standard error. */
  if (mlirAttributeIsNull(lowbitIntAttrGet(context, 17, false)))
    printf("no int<17>\n");
}

/* Reads a module, runs the phases up to quantized weights, prints it. */
static int quantize(MlirContext context, const char *path) {
  MlirModule module = mlirModuleCreateParseFromFile(
      context, mlirStringRefCreateFromCString(path));
  if (mlirModuleIsNull(module))
    return 1;
  MlirOperation operation = mlirModuleGetOperation(module);
  MlirPassManager manager = mlirPassManagerCreate(context);
  MlirLogicalResult result = mlirParsePassPipeline(
      mlirPassManagerGetAsOpPassManager(manager),
      mlirStringRefCreateFromCString(
          "builtin.module(lowbit-raise,lowbit-quantize{method=int8})"),
      print, NULL);
  if (mlirLogicalResultIsSuccess(result))
    result = mlirPassManagerRunOnOp(manager, operation);
  mlirOperationPrint(operation, print, NULL);
  mlirPassManagerDestroy(manager);
  mlirModuleDestroy(module);
  return mlirLogicalResultIsFailure(result);
}

int main(int argc, char **argv) {
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  mlirDialectHandleInsertDialect(mlirGetDialectHandle__lowbit__(), registry);
  lowbitRegisterAllDialects(registry);
  MlirContext context = mlirContextCreateWithRegistry(registry, false);
  mlirDialectRegistryDestroy(registry);
  mlirContextLoadAllAvailableDialects(context);
  lowbitRegisterPasses();
  showTypes(context);
  (void)argc;
  int status = quantize(context, argv[1]);
  mlirContextDestroy(context);
  return status;
}
