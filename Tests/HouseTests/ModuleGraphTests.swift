// The module graph of ARCHITECTURE.md, held against what Package.swift declares and what the sources import.
// The manifest is read by `swift package --ignore-lock dump-package`: without that switch it waits for the lock that
// the running `swift test` holds, until it is killed.

import Foundation
import Testing

private struct Manifest: Decodable {
    struct Target: Decodable {
        let name: String
        let type: String
        let path: String?
        let dependencies: [Dependency]

        var folder: String { path ?? "Sources/\(name)" }
    }

    /// {"byName": [name, null]} or {"product": [name, package, null, null]} or {"target": [name, null]}.
    struct Dependency: Decodable {
        let name: String
        let isInside: Bool

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            let key = try #require(container.allKeys.first)
            var list = try container.nestedUnkeyedContainer(forKey: key)
            name = try list.decode(String.self)
            isInside = key.stringValue != "product"
        }

        private struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
    }

    let targets: [Target]
}

@Suite("The module graph is the house of ARCHITECTURE.md")
struct ModuleGraphTests {
    private let modules: [Manifest.Target]

    init() throws {
        let dump = Repository.run(["swift", "package", "--ignore-lock", "dump-package"], timeoutSeconds: 60)
        try #require(dump.status == 0, "dump-package failed: \(dump.errors)")
        let manifest = try JSONDecoder().decode(Manifest.self, from: Data(dump.output.utf8))
        modules = manifest.targets.filter { $0.type != "test" && $0.folder.hasPrefix("Sources/") }
        try #require(modules.count > 10)
    }

    private var declared: [String: Set<String>] {
        Dictionary(uniqueKeysWithValues: modules.map { ($0.name, Set($0.dependencies.map(\.name))) })
    }

    private var reachable: [String: Set<String>] {
        var result: [String: Set<String>] = [:]
        for module in modules {
            var found: Set<String> = []
            var rest = Array(declared[module.name] ?? [])
            while let next = rest.popLast() {
                if found.insert(next).inserted { rest.append(contentsOf: declared[next] ?? []) }
            }
            result[module.name] = found
        }
        return result
    }

    @Test("every module has a floor")
    func floors() {
        for module in modules { #expect(House.rooms[module.name] != nil, "\(module.name) is not in House.rooms") }
    }

    @Test("every folder of Sources is a module of the manifest")
    func folders() {
        let folders = Set(
            Repository.files.filter { $0.hasPrefix("Sources/") }.map { $0.split(separator: "/")[1] }.map(String.init))
        #expect(folders == Set(modules.map(\.name)))
    }

    @Test("arrows point down")
    func arrows() {
        for module in modules {
            guard let room = House.rooms[module.name] else { continue }
            for dependency in module.dependencies where dependency.isInside {
                guard let below = House.rooms[dependency.name] else { continue }
                let isNeighbour = House.neighbours.contains("\(module.name) -> \(dependency.name)")
                #expect(
                    below.floor < room.floor || isNeighbour,
                    "\(module.name) (floor \(room.floor)) depends on \(dependency.name) (floor \(below.floor))")
            }
        }
    }

    @Test("no module reaches itself")
    func cycles() {
        for (module, below) in reachable { #expect(!below.contains(module), "\(module) depends on itself") }
    }

    @Test("modules that must not know each other do not, by any way", arguments: House.strangers)
    func strangers(module: String, other: String) {
        #expect(reachable[module]?.contains(other) != true, "\(module) reaches \(other)")
    }

    @Test("only the modules that may use a package from outside do")
    func outside() {
        for module in modules {
            let products = Set(module.dependencies.filter { !$0.isInside }.map(\.name))
            let allowed = House.rooms[module.name]?.outside ?? []
            #expect(products.isSubset(of: allowed), "\(module.name) uses \(products.subtracting(allowed).sorted())")
        }
    }

    @Test("what a source imports is declared, and what is declared is imported")
    func imports() {
        for module in modules where !module.name.hasPrefix("C") || module.name == "Certificates" {
            let room = House.rooms[module.name]
            var seen: Set<String> = []
            for file in Repository.swiftFiles(under: module.folder) {
                for name in Self.imports(of: file) {
                    seen.insert(name)
                    let isAllowed =
                        House.always.contains(name) || declared[module.name]?.contains(name) == true
                        || (name == "Foundation" && room?.outside.contains("Foundation") == true)
                    #expect(isAllowed, "\(file.path) imports \(name), which \(module.name) does not declare or may not use")
                }
            }
            // The executable links them all, as each gets its command.
            guard module.name != "poplar" else { continue }
            let idle = (declared[module.name] ?? []).subtracting(seen)
            #expect(idle.isEmpty, "\(module.name) declares \(idle.sorted()) and imports none of it")
        }
    }

    @Test("no module has a type of its own name")
    func names() {
        let declaration = /\b(?:struct|enum|class|actor|protocol|typealias)\s+(\w+)/
        for module in modules {
            for file in Repository.swiftFiles(under: module.folder) {
                for line in file.lines {
                    guard let match = SwiftText.code(of: line).firstMatch(of: declaration) else { continue }
                    #expect(match.output.1 != module.name, "\(file.path) declares a type with its module's name")
                }
            }
        }
    }

    /// Module names after `import`, whatever access level or attribute stands before it.
    private static func imports(of file: SourceFile) -> Set<String> {
        let statement =
            #/
            ^ \s* (?: @\w+ (?: \( \w+ \) )? \s+ )*
            (?: (?: public | package | internal | private | fileprivate ) \s+ )? import \s+
            (?: (?: struct | enum | class | func | var | let | protocol | typealias ) \s+ )? (\w+)
            /#
        let names = file.lines.compactMap { $0.firstMatch(of: statement).map { String($0.output.1) } }
        return Set(names.map { House.parts[$0] ?? $0 })
    }
}
