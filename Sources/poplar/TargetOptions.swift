// How far a server is trusted, and how far away it may be: what `run` and `probe` ask alike of the target that they are given.
// Invariant: nothing is connected to a target that is not loopback unless the command line allows it.

import ArgumentParser
import Certificates
import Configuration
import TLS
import Workload

struct TargetOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Verify the server's certificate against these authorities (PEM).", valueName: "file"))
    var ca: String?

    @Flag(help: "Do not verify the server's certificate.")
    var insecure = false

    @Flag(name: .customLong("allow-remote"), help: "Allow a target that is not loopback.")
    var allowRemote = false

    mutating func validate() throws {
        if ca != nil, insecure { throw ValidationError("--ca and --insecure exclude each other") }
    }

    /// The file of `--ca`, which holds a certificate; nil without it.
    func authorities() throws -> [UInt8]? {
        guard let ca else { return nil }
        let file: [UInt8]
        let pem: [UInt8]
        do throws(InputFile.Failure) { file = try InputFile.read(ca, limit: 64 << 20, noun: "the authorities") } catch {
            throw ValidationError(error.description)
        }
        do throws(CertificateError) { pem = try CertificateFiles.authorities(file, path: ca) } catch {
            throw ValidationError("\(error)")
        }
        do throws(TLSError) { _ = try TLSContext.client(authorityPEM: pem) } catch { throw ValidationError("\(ca): \(error)") }
        return pem
    }

    /// Resolves `host:port` texts to a target that may be connected to.
    func resolve(pop3: String?, pop3s: String?) throws -> RunTarget {
        let target = try RunTarget.resolve(pop3: pop3, pop3s: pop3s)
        guard target.isLoopback || allowRemote else {
            throw ValidationError("the target \(target.names.joined(separator: ", ")) is not loopback: add --allow-remote")
        }
        return target
    }
}

extension UserTable {
    /// The table of a file.
    static func read(_ file: String) throws -> UserTable {
        let csv: [UInt8]
        do throws(InputFile.Failure) { csv = try InputFile.read(file, limit: fileLimit, noun: "the user table") } catch {
            throw ValidationError(error.description)
        }
        return try load(csv: csv, file: file)
    }
}
