// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "temper",
  products: [
    .library(name: "Text", targets: ["Text"]),
    .library(name: "Safetensors", targets: ["Safetensors"]),
  ],
  targets: [
    .systemLibrary(
      name: "CUtf8proc", pkgConfig: "libutf8proc",
      providers: [.apt(["libutf8proc-dev"]), .brew(["utf8proc"])]),
    .systemLibrary(
      name: "CBlas", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
      name: "CEditline", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),

    .target(
      name: "Text", dependencies: ["CUtf8proc"], linkerSettings: [.linkedLibrary("utf8proc")]),
    .systemLibrary(name: "CRename"),
    .target(name: "Safetensors", dependencies: ["CRename"]),

    .testTarget(name: "TextTests", dependencies: ["Text"]),
    .testTarget(name: "SafetensorsTests", dependencies: ["Safetensors"]),
  ],
  swiftLanguageModes: [.v6]
)
