// What reaches a terminal, and how wide it is there.

import Testing

@testable import Terminal

@Suite("Text on its way to a terminal") struct TerminalTextTests {
    @Test(
        "what a terminal would obey or not show is spelled out",
        arguments: [
            ("\u{1B}[31mred", "\\u{1B}[31mred"), ("a\u{9B}2J", "a\\u{9B}2J"), ("\u{7}\u{8}\u{7F}\r", "\\u{7}\\u{8}\\u{7F}\\u{D}"),
            ("user\u{202E}gpj.exe", "user\\u{202E}gpj.exe"), ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("\u{200F}\u{061C}", "\\u{200F}\\u{61C}"),
            ("a\u{200B}b\u{200D}c\u{2060}\u{FEFF}", "a\\u{200B}b\\u{200D}c\\u{2060}\\u{FEFF}"),
            ("\u{AD}\u{34F}\u{3164}\u{FFA0}\u{115F}", "\\u{AD}\\u{34F}\\u{3164}\\u{FFA0}\\u{115F}"),
            ("line\u{2028}par\u{2029}", "line\\u{2028}par\\u{2029}"), ("\u{E0041}\u{2}x\u{3}", "\\u{E0041}\\u{2}x\\u{3}"),
            ("\u{180E}\u{E0100}", "\\u{180E}\\u{E0100}"), ("\0", "\\u{0}"),
        ])
    func obeyed(text: String, shown: String) {
        #expect(TerminalText.safe(text) == shown)
        #expect(TerminalText.line(text) == shown)
    }

    @Test(
        "what is only read stays as it is",
        arguments: [
            "", "plain\n\ttext\n", "Grüße, 日本語, 한국어, العربية, עברית, ไทย, हिन्दी", "e\u{301}", "🙂 ❤\u{FE0F}", "a\u{A0}b\u{3000}c",
        ])
    func harmless(text: String) { #expect(TerminalText.safe(text) == text) }

    @Test("on one line, line feeds and tabs are spelled out too, and a limit cuts")
    func line() {
        #expect(TerminalText.line("a\nb\tc\r\n") == "a\\u{A}b\\u{9}c\\u{D}\\u{A}")
        #expect(TerminalText.line("abcdef", limit: 3) == "abc…")
        #expect(TerminalText.line("abc", limit: 3) == "abc")
    }

    @Test("our own sequences pass, also between foreign text; foreign ones and look-alikes do not")
    func own() {
        let red = TerminalText.own("\u{1B}[31m")
        #expect(TerminalText.safe("\(red)x\u{1B}[0m") == "\u{1B}[31mx\\u{1B}[0m")
        #expect(TerminalText.safe(TerminalText.own("\r\u{1B}[2K") + "日") == "\r\u{1B}[2K日")
        let forged = "\u{2}abc\u{1B}[31m\u{3}"
        #expect(TerminalText.safe(forged) == "\\u{2}abc\\u{1B}[31m\\u{3}")
        let open = String(red.dropLast())
        #expect(!TerminalText.safe(open).contains("\u{1B}"))
        #expect(!TerminalText.line(red).contains("\u{1B}"))
    }
}

@Suite("Columns of a terminal") struct ColumnsTests {
    @Test(
        "wide characters take two columns, combining marks none, what is spelled out takes its spelling",
        arguments: [
            ("abc", 3), ("日本語", 6), ("ｆｕｌｌ", 8), ("ﾊﾝｶｸ", 4), ("한국어", 6), ("e\u{301}", 1), ("ไทย", 3), ("กำ", 2), ("🙂", 2),
            ("❤\u{FE0F}", 2),
            ("⌚", 2), ("—…│", 3), ("\u{1B}", 6), ("\u{202E}", 8), ("𠀀", 2), ("", 0), ("é", 1), ("\u{3000}", 2),
        ])
    func width(text: String, columns: Int) { #expect(Columns.width(text) == columns) }

    @Test("a text is cut at columns, never in the middle of a wide character, and says so")
    func cut() {
        #expect(Columns.cut("日本語", 6) == "日本語")
        #expect(Columns.cut("日本語", 5) == "日本…")
        #expect(Columns.cut("日本語", 4) == "日…")
        #expect(Columns.cut("日本語", 1) == "…")
        #expect(Columns.cut("日本語", 0) == "")
        #expect(Columns.cut("e\u{301}e\u{301}e\u{301}", 2) == "e\u{301}…")
        for columns in 0...12 { #expect(Columns.width(Columns.cut("a日b本c語\u{202E}d", columns)) <= columns) }
    }

    @Test("cells are filled to their columns")
    func cells() {
        #expect(Columns.left("日本", 6) + "|" == "日本  |")
        #expect(Columns.right("日本", 6) == "  日本")
        #expect(Columns.left("日本語", 4) == "日本語")
    }

    @Test("our own sequences take no column and are not cut apart")
    func own() {
        let text = TerminalText.own("\u{1B}[31m") + "日本語" + TerminalText.own("\u{1B}[0m")
        #expect(Columns.width(text) == 6)
        #expect(TerminalText.safe(Columns.cut(text, 5)) == "\u{1B}[31m日本…")
    }
}
