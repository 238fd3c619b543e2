// A server that a test writes in one line: what it says to each line that it hears, or that it falls silent.

import Foundation
import Glibc

/// Greets, and answers each line by `answer`; nil is silence. It closes with this object, or when its client does.
final class AnsweringPort: @unchecked Sendable {
    /// The line, and how many have been heard by now, over all connections.
    typealias Answer = @Sendable (_ line: String, _ count: Int) -> String?

    private let listener: SilentPort
    private let answer: Answer
    private let lock = NSLock()
    private var count = 0

    var target: String { "127.0.0.1:\(listener.port)" }

    init(greeting: String = "+OK ready", _ answer: @escaping Answer) throws {
        listener = try SilentPort()
        self.answer = answer
        let descriptor = dup(listener.descriptor)
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { break }
                Thread.detachNewThread { [weak self] in
                    Self.say(greeting, client)
                    Self.talk(client) { self?.reply($0) }
                    close(client)
                }
            }
            close(descriptor)
        }
    }

    deinit { shutdown(listener.descriptor, Int32(SHUT_RDWR)) }

    /// In place of an answer: the connection is closed.
    static let hangUp = "(hang up)"

    /// What a sound server with one message says.
    static func good(_ line: String) -> String { line.hasPrefix("STAT") ? "+OK 1 256" : "+OK" }

    private func reply(_ line: String) -> String? {
        let number = lock.withLock {
            count += 1
            return count
        }
        return answer(line, number)
    }

    /// Lines come one at a time: these clients do not pipeline. After QUIT the connection is closed.
    private static func talk(_ client: Int32, _ reply: (String) -> String?) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            let line = String(decoding: buffer.prefix(count), as: UTF8.self).trimmingCharacters(in: .newlines)
            if let text = reply(line) {
                if text == hangUp { return }
                say(text, client)
                if line.hasPrefix("QUIT") { return }
            }
        }
    }

    private static func say(_ text: String, _ client: Int32) {
        let line = text + "\r\n"
        _ = send(client, line, line.utf8.count, Int32(MSG_NOSIGNAL))
    }
}
