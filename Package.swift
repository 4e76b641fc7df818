// swift-tools-version: 6.2
import PackageDescription

// Debian's headers are where every compiler looks; Homebrew's have to be asked for.
#if os(macOS)
  let utf8proc: String? = "libutf8proc"
#else
  let utf8proc: String? = nil
#endif

let package = Package(
  name: "temper",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Text", targets: ["Text"]),
    .library(name: "Safetensors", targets: ["Safetensors"]),
    .library(name: "Transformer", targets: ["Transformer"]),
    .library(name: "Workbench", targets: ["Workbench"]),
    .executable(name: "temper", targets: ["temper"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(
      name: "CUtf8proc", pkgConfig: utf8proc,
      providers: [.apt(["libutf8proc-dev"]), .brew(["utf8proc"])]),
    .systemLibrary(
      name: "CBlas", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
      name: "CEditline", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
    .systemLibrary(name: "CRename"),
    .systemLibrary(name: "CSha256"),
    .target(name: "CKernels"),

    .target(
      name: "Text", dependencies: ["CUtf8proc"], linkerSettings: [.linkedLibrary("utf8proc")]),
    .target(name: "Safetensors", dependencies: ["CRename", "CSha256"]),
    .target(
      name: "Transformer", dependencies: ["CBlas", "CKernels"],
      linkerSettings: [
        .linkedLibrary("openblas", .when(platforms: [.linux])),
        .linkedFramework("Accelerate", .when(platforms: [.macOS])),
      ]),
    .target(name: "Workbench", dependencies: ["Text", "Safetensors", "Transformer"]),
    .executableTarget(
      name: "temper",
      dependencies: [
        "Workbench", "CEditline",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      linkerSettings: [.linkedLibrary("edit")]),

    .target(name: "TestSupport", dependencies: ["Transformer"], path: "Tests/TestSupport"),
    .testTarget(name: "TextTests", dependencies: ["Text"]),
    .testTarget(name: "SafetensorsTests", dependencies: ["Safetensors"]),
    .testTarget(name: "TransformerTests", dependencies: ["Transformer", "TestSupport"]),
    .testTarget(name: "WorkbenchTests", dependencies: ["Workbench", "TestSupport"]),
    .testTarget(name: "temperTests", dependencies: ["temper", "Workbench"]),
  ],
  swiftLanguageModes: [.v6]
)

// Continuous integration lets no warning pass; a newer compiler's must not stop anybody else.
if Context.environment["TEMPER_STRICT"] != nil {
  for target in package.targets where target.type != .system {
    target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
  }
}
