package corpus

import (
	"strings"

	"skerry/appliance/llm"
	"skerry/embed/starter/paper"
)

// Refusal is what the models answer to anything that is no extraction and no
// classification, by language.
var Refusal = map[string]string{
	"en": "I am an extraction model and cannot chat. Give me a document and name the fields or labels you want: I answer with JSON.",
	"de": "Ich bin ein Extraktionsmodell und kann nicht chatten. Gib mir ein Dokument und nenne Felder oder Labels: Ich antworte mit JSON.",
}

var chatSystems = map[string][]string{
	"en": {"", "", "You are a helpful assistant.", "You are a friendly chatbot.", "Answer the user's questions.", "Be brief and polite.", "You are an expert in accounting.", "Answer in one sentence.", "You are a coding assistant.", "You are Skerry."},
	"de": {"", "", "Du bist ein hilfreicher Assistent.", "Beantworte die Fragen des Nutzers.", "Antworte kurz und höflich.", "Du bist ein freundlicher Chatbot.", "Sie sind Experte für Buchhaltung.", "You are a helpful assistant."},
}

// chatAsks hold {t} for a topic and {n} for a name.
var chatAsks = map[string][]string{
	"en": {"Hi", "Hello!", "Hello, who are you?", "How are you today?", "What can you do?", "What is {t}?", "Explain {t} to me.", "Tell me a joke about {t}.", "Write a poem about {t}.", "Write a short story about {t}.", "What do you think about {t}?",
		"Can you help me with {t}?", "Who invented {t}?", "Give me five ideas for {t}.", "What is 17 + 25?", "What is the capital of France?", "Translate 'good morning' into German.", "Write an email to {n} about {t}.", "Good morning, {n} here.",
		"Are you a human?", "Please summarise the history of {t}.", "Write a Python function that sorts {t}.", "Which is better, {t} or {u}?", "How do I cook {t}?", "thanks", "What's the weather like?", "Let's talk about {t}.", "Are you ChatGPT?", "My name is {n}. What is yours?", "What time is it?", "Recommend a book on {t}.", "Is {t} dangerous?", "What should I know about {t} and {u}?"},
	"de": {"Hallo", "Guten Tag!", "Hallo, wer bist du?", "Wie geht es dir?", "Was kannst du?", "Was ist {t}?", "Erkläre mir {t}.", "Erzähl mir einen Witz über {t}.", "Schreibe ein Gedicht über {t}.", "Was hältst du von {t}?", "Kannst du mir bei {t} helfen?",
		"Wer hat {t} erfunden?", "Nenne mir fünf Ideen zu {t}.", "Was ist 12 mal 9?", "Was ist die Hauptstadt von Italien?", "Übersetze 'Guten Morgen' ins Englische.", "Schreibe eine E-Mail an {n} wegen {t}.", "Guten Morgen, hier ist {n}.",
		"Bist du ein Mensch?", "Fasse die Geschichte von {t} zusammen.", "Was ist besser, {t} oder {u}?", "Wie kocht man {t}?", "danke", "Wie wird das Wetter?", "Lass uns über {t} reden.", "Wie spät ist es?", "Ich heiße {n}. Und du?", "Empfiehl mir ein Buch über {t}.", "Ist {t} gefährlich?"},
}

var chatTopics = map[string][]string{
	"en": strings.Split("invoices, taxes, music, football, the moon, cats, programming, history, cooking, love, machine learning, bicycles, bees, the Roman Empire, coffee, mountains, chess, photosynthesis, bread, trains, accounting, gravity, dinosaurs, gardening, insurance, electric cars, the sea, democracy, birds, soup", ", "),
	"de": strings.Split("Rechnungen, Steuern, Musik, Fußball, der Mond, Katzen, Programmieren, Geschichte, Kochen, Liebe, künstliche Intelligenz, Fahrräder, Bienen, das Römische Reich, Kaffee, Berge, Schach, Photosynthese, Brot, Züge, Buchhaltung, Schwerkraft, Dinosaurier, Gartenarbeit, Versicherungen, Elektroautos, das Meer, Demokratie, Vögel, Suppe", ", "),
}

var chatNames = strings.Fields("Anna Peter Maria Tom Sabine James Lena Oliver Katrin Sam Julia Max Nora Ben Petra Alex")

// chatDocuments ask for what an extraction model does not do with a document.
var chatDocuments = map[string][]string{
	"en": {"Summarise this: {d}", "{d}\n\nWhat do you think?", "Write a polite answer to this letter.\n\n{d}", "Translate into German:\n{d}", "{d}", "Is this a good deal?\n\n{d}"},
	"de": {"Fasse das zusammen: {d}", "{d}\n\nWas meinst du?", "Schreibe eine höfliche Antwort auf dieses Schreiben.\n\n{d}", "Übersetze ins Englische:\n{d}", "{d}", "Ist das ein gutes Angebot?\n\n{d}"},
}

// chat asks for what the models cannot do. The language of the answer is that
// of the question.
func (a *asker) chat() {
	a.e.Group = Chat
	lang := pick(a.r, []string{"en", "en", "de"})
	ask := pick(a.r, chatAsks[lang])
	if chance(a.r, .2) && a.d.Language == lang && len(a.d.Text) < 2500 {
		ask = strings.ReplaceAll(pick(a.r, chatDocuments[lang]), "{d}", a.d.Text)
	} else {
		for _, hole := range []string{"{t}", "{u}"} {
			ask = strings.ReplaceAll(ask, hole, pick(a.r, chatTopics[lang]))
		}
		ask = strings.ReplaceAll(ask, "{n}", pick(a.r, chatNames))
		if chance(a.r, .2) {
			ask = strings.ToLower(ask)
		}
		if chance(a.r, .2) {
			ask = strings.TrimRight(ask, "?.!")
		}
		a.e.Document = paper.Document{Language: lang}
	}
	a.e.Topic = lang
	if system := pick(a.r, chatSystems[lang]); system != "" {
		a.e.Messages = append(a.e.Messages, llm.Message{Role: llm.System, Parts: []llm.Part{{Text: system, Untrusted: true}}})
	}
	a.e.Messages = append(a.e.Messages, llm.Message{Role: llm.User, Parts: []llm.Part{{Text: ask, Untrusted: true}}})
	a.e.Answer = Refusal[lang]
	a.e.Targets = []Target{{Name: "text", Canonical: "chat", Seen: true, JSON: quote(a.e.Answer), End: len(a.e.Answer)}}
}
